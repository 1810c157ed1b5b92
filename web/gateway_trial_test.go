package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/agent/firewall"
	"ideco-agent/agent/netlab"
	"ideco-agent/agent/store"
	"ideco-agent/web/certs"
)

// trialTest is a trial with its settings in memory.
type trialTest struct {
	trial trial

	mu     sync.Mutex // guards the fields below
	now    agent.Settings
	ended  int // trials that ran out
	refuse error
}

func (s *trialTest) end(_ context.Context, until time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		return s.refuse
	}
	s.ended++
	if s.now.Trial.Until.Equal(until) {
		s.now.ExpireGateway(time.Now())
		s.trial.watch(s.now)
	}
	return nil
}

func (s *trialTest) set(change func(*agent.Settings)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.now)
	s.trial.watch(s.now)
}

func (s *trialTest) ends() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

func (s *trialTest) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = err
}

func (s *trialTest) choose(lan string) {
	s.set(func(n *agent.Settings) {
		choice := n.GatewaySettings
		choice.LANInterfaces, choice.WANInterfaces = []string{lan}, []string{"wan0"}
		n.TryGateway(choice, time.Now())
	})
}

func (s *trialTest) settings() agent.Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *trialTest) lan() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.now.LANInterfaces) == 0 {
		return ""
	}
	return s.now.LANInterfaces[0]
}

func testTrial(t *testing.T, name string, body func(t *testing.T, s *trialTest, pass func(time.Duration))) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &trialTest{now: agent.DefaultSettings(), trial: newTrial()}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- s.trial.run(ctx, s.end, slog.New(slog.NewTextHandler(io.Discard, nil))) }()
			body(t, s, func(d time.Duration) {
				<-time.After(d)
				synctest.Wait()
			})
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	})
}

func TestTrial(t *testing.T) {
	testTrial(t, "nobody confirms", func(t *testing.T, s *trialTest, pass func(time.Duration)) {
		pass(time.Hour)
		s.choose("lan0")
		pass(agent.TrialLength - time.Second)
		if s.lan() != "lan0" {
			t.Error("too early")
		}
		pass(time.Second)
		if now := s.settings(); now.InterfacesChosen() || now.OnTrial() || now.Trial.Returned.IsZero() {
			t.Errorf("still %+v", now.GatewaySettings)
		}
		pass(time.Hour)
		if n := s.ends(); n != 1 {
			t.Errorf("ended %d times", n)
		}
	})
	testTrial(t, "confirmed", func(t *testing.T, s *trialTest, pass func(time.Duration)) {
		s.choose("lan0")
		pass(agent.TrialLength - time.Second)
		s.set((*agent.Settings).ConfirmGateway)
		pass(time.Hour)
		if n := s.ends(); s.lan() != "lan0" || n != 0 {
			t.Errorf("%q, ended %d times", s.lan(), n)
		}
	})
	testTrial(t, "other settings change meanwhile", func(t *testing.T, s *trialTest, pass func(time.Duration)) {
		s.choose("lan0")
		for range 3 {
			pass(15 * time.Second)
			s.set(func(n *agent.Settings) { n.DevicesPerUser++ })
		}
		pass(15 * time.Second)
		if now := s.settings(); now.InterfacesChosen() || now.DevicesPerUser != 8 {
			t.Errorf("%+v after a minute, %d devices", now.GatewaySettings, now.DevicesPerUser)
		}
	})
	testTrial(t, "another choice", func(t *testing.T, s *trialTest, pass func(time.Duration)) {
		s.choose("lan0")
		s.set((*agent.Settings).ConfirmGateway)
		s.choose("lan1")
		pass(50 * time.Second)
		s.choose("lan2")
		pass(50 * time.Second)
		if s.lan() != "lan2" {
			t.Error("the timer of the former choice ran out")
		}
		pass(10 * time.Second)
		if s.lan() != "lan0" {
			t.Errorf("%q came back", s.lan())
		}
	})
	testTrial(t, "the store fails", func(t *testing.T, s *trialTest, pass func(time.Duration)) {
		s.choose("lan0")
		s.fail(errors.New("disk"))
		pass(agent.TrialLength + 5*time.Second)
		s.fail(nil)
		pass(trialRetry)
		if s.lan() != "" {
			t.Error("it does not try again")
		}
	})
	testTrial(t, "the clock was put back", func(t *testing.T, s *trialTest, pass func(time.Duration)) {
		s.choose("lan0")
		s.set(func(n *agent.Settings) { n.Trial.Until = n.Trial.Until.Add(time.Hour) })
		pass(agent.TrialLength)
		if s.lan() != "" {
			t.Error("longer than a trial")
		}
	})
}

// TestTrialAndRestart: a process that finds an unconfirmed trial at its start reverts it, whatever the time.
func TestTrialAndRestart(t *testing.T) {
	dir := t.TempDir()
	db, err := store.Open(t.Context(), filepath.Join(dir, "ideco.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	open := func() *currentSettings {
		t.Helper()
		s, err := loadSettings(t.Context(), db, slog.New(slog.NewTextHandler(io.Discard, nil)))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	open()
	_, err = db.UpdateSettings(t.Context(), func(n *agent.Settings) error {
		n.Enabled = true
		choice := n.GatewaySettings
		choice.LANInterfaces, choice.WANInterfaces = []string{"lan0"}, []string{"wan0"}
		n.TryGateway(choice, time.Now())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		now := open().Current()
		if now.InterfacesChosen() || now.OnTrial() || now.Trial.Returned.IsZero() || !now.Enabled || !now.Masquerade {
			t.Errorf("after a restart: %+v", now)
		}
		const want = `{"Code":"gateway_expired","Source":"gateway","Login":"","Name":"","Changes":[{"field":"lan_interfaces","before":["lan0"],"after":[]},{"field":"wan_interfaces","before":["wan0"],"after":[]}]}`
		if act, n := newestAct(t, db); act != want || n != 1 {
			t.Errorf("%d acts: %s", n, act)
		}
	}
}

// TestTrialWithoutStore: a trial also ends while nothing can be stored, at a start as well as in a running process, and the
// end is stored later.
func TestTrialWithoutStore(t *testing.T) {
	dir, log := t.TempDir(), slog.New(slog.NewTextHandler(t.Output(), nil))
	database := databaseIn(dir)
	db, err := store.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	current, err := loadSettings(t.Context(), db, log)
	must(err)
	root, err := certs.Open(dir)
	must(err)
	fw, err := openFirewall(Config{Data: dir, Firewall: firewall.ModeOff, Log: log}, current.Current, tunnel{}, &listeners{})
	must(err)
	t.Cleanup(func() { fw.Close() })
	manager := access.NewManager(access.Config{Gate: access.NewGate(nil, db, log), Store: db, Settings: current.Current, Log: log})
	set := &settings{currentSettings: current, store: db, root: root, sessions: manager, firewall: fw, trial: newTrial(), changed: func() {}, log: log}
	must(set.Update(t.Context(), func(n *agent.Settings) error {
		choice := n.GatewaySettings
		choice.LANInterfaces, choice.WANInterfaces = []string{"lan0"}, []string{"wan0"}
		n.TryGateway(choice, time.Now())
		return nil
	}))
	until := set.Current().Trial.Until

	must(os.Rename(database, database+".away"))
	if err := set.endTrial(t.Context(), until); !isStoreUnavailable(err) {
		t.Errorf("ended with %v", err)
	}
	later, err := loadSettings(t.Context(), db, log)
	must(err)
	for what, now := range map[string]agent.Settings{"running": set.Current(), "started": later.Current()} {
		if now.OnTrial() || now.InterfacesChosen() {
			t.Errorf("%s: %+v", what, now)
		}
	}

	must(os.Rename(database+".away", database))
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		db.Watch(ctx, func(error) {})
	}()
	netlab.Eventually(t, "the end of the trial is stored", func() bool { return set.endTrial(ctx, until) == nil })
	cancel()
	<-over
	if stored, _, err := db.Settings(t.Context()); err != nil || stored.OnTrial() {
		t.Errorf("stored: %+v, %v", stored, err)
	}
	if act, n := newestAct(t, db); n != 1 {
		t.Errorf("%d acts: %s", n, act)
	}
}
