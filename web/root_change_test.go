package web

import (
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
	"ideco-agent/web/certs"
)

// TestRootChange: an announced change is made at its time without a restart, a cancelled one is not. The agents are told of each step,
// and the history has it.
func TestRootChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root, err := certs.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex // guards told and events
		told, events := 0, []agent.CertificateEventKind{}
		locked := func(f func()) { mu.Lock(); defer mu.Unlock(); f() }
		r := &rootChange{root: root, log: slog.New(slog.NewTextHandler(t.Output(), nil)), tell: func() { locked(func() { told++ }) }, record: func(e agent.CertificateEvent) {
			mu.Lock()
			defer mu.Unlock()
			if events = append(events, e.Event); e.At.IsZero() || e.Source != agent.SourceOwnRoot || e.Detail == "" || (e.By == "boss") == (e.Event == agent.EventRootChanged) {
				t.Errorf("event %+v", e)
			}
		}}
		happened := func(want ...agent.CertificateEventKind) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(events, want) || told != len(want) {
				t.Errorf("events %v, want %v; the agents were told %d times", events, want, told)
			}
			events, told = nil, 0
		}
		go func() { _ = r.run(t.Context()) }()
		old := root.Pin()
		if err := r.CancelRoot(t.Context(), "boss"); !errors.Is(err, agent.ErrNotFound) {
			t.Errorf("nothing to cancel: %v", err)
		}
		for _, cancelled := range []bool{true, false} {
			if err := r.AnnounceRoot(t.Context(), "boss"); err != nil {
				t.Fatal(err)
			}
			happened(agent.EventRootAnnounced)
			next := r.RootChange().Next.Pin
			err := r.AnnounceRoot(t.Context(), "boss")
			if p := (agent.Problem{}); !errors.As(err, &p) || p.Code != locale.FieldRootAnnounced {
				t.Errorf("announced twice: %v", err)
			}
			<-time.After(agent.RootNotice - time.Second)
			happened()
			if cancelled {
				if err := r.CancelRoot(t.Context(), "boss"); err != nil {
					t.Fatal(err)
				}
				happened(agent.EventRootCancelled)
			}
			<-time.After(2 * time.Second) // the change is not late
			if cancelled {
				happened()
			} else {
				happened(agent.EventRootChanged)
			}
			if changed := r.Root().Pin == next; changed == cancelled || r.RootChange() != nil || changed == (root.Pin() == old) {
				t.Errorf("cancelled %v: pin %s, announced %v", cancelled, r.Root().Pin, r.RootChange())
			}
		}
	})
}
