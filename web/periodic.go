package web

import (
	"context"
	"log/slog"
	"time"

	"ideco-agent/agent/store"
)

// background runs the gateway's periodic tasks.
type background struct {
	db           *store.Store
	settings     *settings
	directories  *directories
	certificates *certificates
	rules        *authRules
	supervisor   *supervisor
	reloader     *reloader
	backups      *backups
	restart      *restart
	log          *slog.Logger
}

const (
	retryEvery = 30 * time.Second
	trimEvery  = time.Minute
	purgeEvery = time.Hour
)

// run returns when ctx is done.
func (b background) run(ctx context.Context) error {
	retry, trim, purge := time.NewTicker(retryEvery), time.NewTicker(trimEvery), time.NewTicker(purgeEvery)
	defer retry.Stop()
	defer trim.Stop()
	defer purge.Stop()
	trimmed := b.trim(ctx, time.Now())
	b.purge(ctx, time.Now())
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-retry.C:
			b.follow(ctx)
		case now := <-trim.C:
			trimmed += b.trim(ctx, now)
		case now := <-purge.C:
			b.purge(ctx, now)
			b.logTrimmed(trimmed)
			trimmed = 0
		}
	}
}

// follow retries a VPN network that the tunnel did not take.
func (b background) follow(ctx context.Context) {
	b.settings.mu.Lock()
	defer b.settings.mu.Unlock()
	if b.settings.behind.Load() {
		b.settings.followNetwork(ctx)
	}
}

func (b background) purge(ctx context.Context, now time.Time) {
	if b.db.Trouble() != "" {
		return
	}
	if err := b.db.PurgeBrowserSessions(ctx, now); err != nil {
		b.log.Error("purge browser sessions", "error", err)
	}
}

// trim trims the journal of sessions to the limits of the settings. It returns how many sessions were removed only because
// of its size.
func (b background) trim(ctx context.Context, now time.Time) int64 {
	if b.db.Trouble() != "" {
		return 0
	}
	s := b.settings.Current()
	forSize, err := b.db.TrimJournal(ctx, now.AddDate(0, 0, -s.JournalDays), int64(s.JournalMB)*1e6)
	if err != nil && ctx.Err() == nil {
		b.log.Error("trim the journal", "error", err)
	}
	surplus, err := b.db.TrimActs(ctx, now.AddDate(0, 0, -s.JournalDays))
	if err != nil && ctx.Err() == nil {
		b.log.Error("trim the audit log", "error", err)
	}
	if surplus > 0 {
		b.log.Warn("the audit log is full: the oldest acts were removed before their time", "acts", surplus)
	}
	return forSize
}

// logTrimmed logs the sessions that were removed only because of the journal's size.
func (b background) logTrimmed(sessions int64) {
	if sessions > 0 {
		s := b.settings.Current()
		b.log.Warn("the journal of sessions is full: the oldest sessions were removed before their time; raise journal_mb to keep more",
			"sessions", sessions, "journal_mb", s.JournalMB, "journal_days", s.JournalDays)
	}
}
