package web

import (
	"context"
	"log/slog"
	"time"

	"ideco-agent/agent/store"
	"ideco-agent/web/certs"
)

// background is what the gateway does without being asked.
type background struct {
	db   *store.Store
	root *certs.Authority
	set  *settings
	log  *slog.Logger
}

// How often.
const (
	namesEvery  = 30 * time.Second
	purgeEvery  = time.Hour
	journalKept = 180 * 24 * time.Hour
)

// run works until ctx is over.
func (b background) run(ctx context.Context) error {
	names, purge := time.NewTicker(namesEvery), time.NewTicker(purgeEvery)
	defer names.Stop()
	defer purge.Stop()
	b.purge(ctx, time.Now())
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-names.C:
			b.follow(ctx)
		case now := <-purge.C:
			b.purge(ctx, now)
		}
	}
}

// follow puts new addresses of this machine into the certificate, and tries again what the tunnel could not do.
func (b background) follow(ctx context.Context) {
	b.set.mu.Lock()
	defer b.set.mu.Unlock()
	if err := b.root.SetNames(certificateNames(b.set.Current().Domain)); err != nil {
		b.log.Error("certificate for new addresses", "err", err)
	}
	if b.set.behind.Load() {
		b.set.followNetwork(ctx)
	}
}

// purge drops what is no longer needed.
func (b background) purge(ctx context.Context, now time.Time) {
	if err := b.db.PurgeBrowserSessions(ctx, now); err != nil {
		b.log.Error("purge browser sessions", "err", err)
	}
	if err := b.db.Purge(ctx, now.Add(-journalKept)); err != nil {
		b.log.Error("purge the journal", "err", err)
	}
}
