package web

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/agent/backup"
	"ideco-agent/agent/store"
	"ideco-agent/handlers"
	"ideco-agent/templates/locale"
	"ideco-agent/web/certs"
)

type currentSettings struct {
	now atomic.Pointer[agent.Settings]
}

// Current returns the settings in force.
func (s *currentSettings) Current() agent.Settings { return *s.now.Load() }

// loadSettings reads the settings. At the first start it fills in the local networks that it finds. It reverts a trial that
// was not confirmed before the previous process ended.
func loadSettings(ctx context.Context, db *store.Store, log *slog.Logger) (*currentSettings, error) {
	now, saved, err := db.Settings(ctx)
	if err != nil {
		return nil, err
	}
	if !saved {
		now, err = db.UpdateSettings(ctx, func(n *agent.Settings) error {
			n.LocalNetworks = attachedNetworks()
			n.VPNNetwork = freeVPNNetwork(attachedTo)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if now.OnTrial() {
		onTrial := now
		now, err = db.UpdateSettings(ctx, func(n *agent.Settings) error {
			n.ExpireGateway(time.Now())
			return nil
		})
		if err == nil {
			recordExpiredTrial(ctx, db, onTrial, now, log)
		}
		if isStoreUnavailable(err) { // the next change of the settings saves it
			now, _, err = db.Settings(ctx)
			now.ExpireGateway(time.Now())
		}
		if err != nil {
			return nil, err
		}
		log.Warn("nobody had confirmed the gateway's new settings; the former ones are back")
	}
	s := &currentSettings{}
	s.now.Store(&now)
	return s, nil
}

// settings implements handlers.Settings.
type settings struct {
	*currentSettings
	store    *store.Store
	root     *certs.Authority
	sessions *access.Manager
	tunnel   tunnel
	firewall *firewallController
	changed  func() // called after every change
	log      *slog.Logger

	mu     sync.Mutex // makes one change at a time
	trial  trial
	behind atomic.Bool // the tunnel does not use the VPN network of the settings
}

// Update changes the settings in one transaction. When it returns they are stored and in force: the root permits another
// domain, the former one is kept, the firewall enforces them, and sessions that no longer fit have ended. Errors:
// agent.Problems.
func (s *settings) Update(ctx context.Context, change func(*agent.Settings) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, err := s.store.UpdateSettings(ctx, func(n *agent.Settings) error {
		before := n.Domain
		if err := change(n); err != nil {
			return err
		}
		n.KeepFormerDomain(before)
		if problems := append(n.Check(), n.CheckChange(s.Current())...); len(problems) > 0 {
			return agent.Problems(problems)
		}
		if to := n.Backup.Recipient; to != "" && to != s.Current().Backup.Recipient {
			if _, err := backup.ParseRecipients(to); err != nil {
				return agent.Problems{{Field: "backup_recipient", Code: locale.FieldBackupRecipient}}
			}
		}
		if n.VPNNetwork != s.Current().VPNNetwork {
			if on, taken := attachedTo(n.VPNNetwork); taken {
				return agent.Problems{{Field: "vpn_network", Code: locale.FieldVPNAttached, Value: on.String()}}
			}
		}
		if err := s.firewall.check(ctx, s.Current(), *n); err != nil {
			return err
		}
		if err := s.root.SetNames(n.Domains()); err != nil {
			return fmt.Errorf("issue a root for %q: %w", n.Domains(), err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.trial.watch(next)
	s.apply(ctx, next)
	return nil
}

// apply puts settings in force. The caller holds mu.
func (s *settings) apply(ctx context.Context, next agent.Settings) {
	s.now.Store(&next)
	ctx = context.WithoutCancel(ctx) // must finish also if the browser disconnects
	s.firewall.follow(ctx)
	s.firewall.domain.lookUpNow()
	s.sessions.Apply(ctx)
	s.followNetwork(ctx)
	s.changed()
}

// endTrial reverts the settings of the page «Шлюз» unless the trial that ends at until was confirmed or reverted meanwhile.
// While nothing can be stored the former settings are in force all the same, and the error makes the caller try again.
func (s *settings) endTrial(ctx context.Context, until time.Time) error {
	over := false
	var onTrial, after agent.Settings
	err := s.Update(ctx, func(n *agent.Settings) error {
		if over = n.OnTrial() && n.Trial.Until.Equal(until); over {
			onTrial = *n
			n.ExpireGateway(time.Now())
			after = *n
		}
		return nil
	})
	if isStoreUnavailable(err) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if now := s.Current(); now.OnTrial() && now.Trial.Until.Equal(until) {
			now.ExpireGateway(time.Now())
			s.apply(ctx, now)
		}
	}
	if err == nil && over {
		s.log.Warn("nobody confirmed the gateway's new settings; the former ones are back")
		recordExpiredTrial(ctx, s.store, onTrial, after, s.log)
	}
	return err
}

// recordExpiredTrial records in the journal of acts that the former settings are back.
func recordExpiredTrial(ctx context.Context, db *store.Store, onTrial, after agent.Settings, log *slog.Logger) {
	if err := db.AddActs(ctx, handlers.ExpiredTrial(onTrial, after, time.Now())); err != nil {
		log.Error("the audit log lacks an act", "event", string(agent.ActGatewayExpired), "error", err)
	}
}

func isStoreUnavailable(err error) bool { return agent.AsError(err).Code == agent.CodeStoreUnavailable }

// followNetwork gives the tunnel the VPN network of the settings. A failure is logged, reported by health and retried in the
// background. The caller holds mu.
func (s *settings) followNetwork(ctx context.Context) {
	if s.tunnel.Device == nil {
		return
	}
	err := s.tunnel.SetNetwork(s.Current().VPNNetwork)
	if s.behind.Store(err != nil); err != nil {
		s.log.Error("the tunnel does not follow the settings", "error", err)
		return
	}
	s.sessions.Apply(ctx) // ends sessions that got an address of the former network meanwhile
}
