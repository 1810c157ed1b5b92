package web

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ideco-agent/agent"
)

// reading is an answer that has these people.
func reading(guids ...string) (r agent.DirectoryReading) {
	r.People = map[string]agent.DirectoryPerson{}
	for _, guid := range guids {
		r.People[guid] = agent.DirectoryPerson{Directory: "company.ru", GUID: guid, Login: guid}
	}
	return r
}

// disableMissing refuses the accounts that the reading does not have, above most of them only when confirmed.
func disableMissing(most int) func([]agent.User, agent.DirectoryReading, bool) ([]agent.User, *agent.WithheldCheck) {
	return func(before []agent.User, r agent.DirectoryReading, confirmed bool) (changed []agent.User, withheld *agent.WithheldCheck) {
		for _, u := range before {
			if _, ok := r.People[u.GUID]; !ok {
				u.Refused = agent.CodeAccountDisabled
				changed = append(changed, u)
			}
		}
		if n := len(changed); !confirmed && n > most {
			return nil, &agent.WithheldCheck{At: time.Now(), Sessions: n, Of: len(before), Missing: r.Missing}
		}
		return changed, nil
	}
}

// newCheckTest makes accounts a, b and c of company.ru, each with a browser session of its name.
func newCheckTest(t *testing.T) (d *directoryTest, id agent.DirectoryID, users []agent.User) {
	t.Helper()
	d = newDirectoryTest(t)
	id = d.save(companySettings)
	for _, guid := range []string{"a", "b", "c"} {
		u := d.login(guid)
		users = append(users, u)
		if err := d.store.SaveBrowserSession(t.Context(), agent.BrowserSession{ID: guid, UserID: u.ID}); err != nil {
			t.Fatal(err)
		}
	}
	d.sessions.check = disableMissing(1)
	return d, id, users
}

// answer sets the reading or the error of the directory.
func (d *directoryTest) answer(r agent.DirectoryReading, err error) {
	d.network.read = func(context.Context, agent.DirectoryID, []string) (agent.DirectoryReading, error) { return r, err }
}

// checkNow checks a directory once.
func (d *directoryTest) checkNow(id agent.DirectoryID) {
	d.t.Helper()
	d.directories.check(d.t.Context(), d.checks[id])
}

func TestCheckEndsRefusedAccounts(t *testing.T) {
	d, id, users := newCheckTest(t)
	var asked []string
	d.network.read = func(_ context.Context, _ agent.DirectoryID, guids []string) (agent.DirectoryReading, error) {
		asked = guids
		return reading("a", "c"), nil
	}
	// A change that an administrator makes during the check stays.
	d.sessions.check = func(before []agent.User, r agent.DirectoryReading, confirmed bool) ([]agent.User, *agent.WithheldCheck) {
		if err := d.store.SetRemoteAccess(t.Context(), users[1].ID, true); err != nil {
			t.Error(err)
		}
		return disableMissing(1)(before, r, confirmed)
	}
	d.checkNow(id)
	if !slices.Equal(asked, []string{"a", "b", "c"}) {
		t.Errorf("asked for %v", asked)
	}
	if got := d.sessions.ended(); !slices.Equal(got, []agent.UserID{users[1].ID}) {
		t.Errorf("ended %v", got)
	}
	if u, err := d.store.User(t.Context(), users[1].ID); err != nil || u.Refused != agent.CodeAccountDisabled || !u.RemoteAccess ||
		!cmp.Equal(d.sessions.changed, []agent.User{u}) {
		t.Errorf("%+v, %v; told %+v", u, err, d.sessions.changed)
	}
	for browser, want := range map[string]bool{"a": true, "b": false, "c": true} {
		if _, err := d.store.BrowserSession(t.Context(), browser); (err == nil) != want {
			t.Errorf("browser of %s: %v", browser, err)
		}
	}
	if status := d.Status(id); !status.Reachable || status.Checked.IsZero() || status.Withheld != nil {
		t.Errorf("status %+v", status)
	}
}

// TestFailedCheckChangesNothing: neither an error nor an empty reading ends a session.
func TestFailedCheckChangesNothing(t *testing.T) {
	d, id, _ := newCheckTest(t)
	d.sessions.check = disableMissing(100)
	for _, failure := range []func(){
		func() { d.answer(agent.DirectoryReading{}, errors.New("no connection")) },
		func() { d.answer(reading("a"), errors.New("no connection")) },
		func() { d.answer(reading(), nil) },
		func() { d.answer(agent.DirectoryReading{}, nil) },
	} {
		failure()
		d.checkNow(id)
	}
	if len(d.sessions.changed) != 0 || !d.Status(id).Checked.IsZero() {
		t.Errorf("changed %+v, status %+v", d.sessions.changed, d.Status(id))
	}
	if n := strings.Count(d.log.String(), "could not be checked"); n != 1 {
		t.Errorf("logged %d times: %s", n, d.log.String())
	}
	d.answer(reading("a", "b", "c"), nil)
	d.checkNow(id)
	if !strings.Contains(d.log.String(), "can be checked again") || d.Status(id).Checked.IsZero() {
		t.Errorf("log: %s", d.log.String())
	}
}

// TestCheckWithoutDatabase: access ends also while the store fails.
func TestCheckWithoutDatabase(t *testing.T) {
	d, id, users := newCheckTest(t)
	list, err := d.store.DirectoryUsers(t.Context(), "company.ru")
	if err != nil {
		t.Fatal(err)
	}
	d.sessions.check = func([]agent.User, agent.DirectoryReading, bool) ([]agent.User, *agent.WithheldCheck) {
		_ = d.store.Close()
		list[0].Refused = agent.CodeAccountDisabled
		return list[:1], nil
	}
	d.answer(reading("b", "c"), nil)
	d.checkNow(id)
	if got := d.sessions.ended(); !slices.Equal(got, []agent.UserID{users[0].ID}) {
		t.Errorf("ended %v", got)
	}
}

func TestWithheldCheck(t *testing.T) {
	d, id, users := newCheckTest(t)
	if err := d.ConfirmCheck(t.Context(), id, 2); !errors.Is(err, agent.ErrNotFound) {
		t.Errorf("nothing to confirm: %v", err)
	}
	d.answer(reading("a"), nil)
	d.checkNow(id)
	d.checkNow(id)
	if w := d.Status(id).Withheld; w == nil || w.Sessions != 2 || w.Of != 3 || len(d.sessions.changed) != 0 {
		t.Errorf("withheld %+v, changed %+v", w, d.sessions.changed)
	}
	if n := strings.Count(d.log.String(), "event=directory_check_withheld"); n != 1 {
		t.Errorf("logged %d times: %s", n, d.log.String())
	}

	lacksMore := reading("a")
	lacksMore.Missing = []string{"CN=VPN"}
	d.answer(lacksMore, nil)
	err := d.ConfirmCheck(t.Context(), id, 2)
	wantProblem(t, "a group is missing, too", err, "check", "field_check_changed")
	if w := d.Status(id).Withheld; w == nil || len(w.Missing) != 1 || len(d.sessions.changed) != 0 {
		t.Errorf("withheld %+v, changed %+v", w, d.sessions.changed)
	}
	d.answer(reading("x"), nil)
	err = d.ConfirmCheck(t.Context(), id, 2)
	wantProblem(t, "a third one", err, "check", "field_check_changed")

	d.answer(reading("a"), errors.New("no connection"))
	var refusal *agent.Error
	if err := d.ConfirmCheck(t.Context(), id, 2); !errors.As(err, &refusal) || refusal.Code != agent.CodeDirectoryUnreachable {
		t.Errorf("without a connection: %v", err)
	}
	if len(d.sessions.changed) != 0 {
		t.Errorf("changed %+v", d.sessions.changed)
	}

	d.answer(reading("a"), nil)
	err = d.ConfirmCheck(t.Context(), id, 1)
	wantProblem(t, "the page showed one session", err, "check", "field_check_changed")
	if err := d.ConfirmCheck(t.Context(), id, 2); err != nil {
		t.Error(err)
	}
	if got := d.sessions.ended(); !slices.Equal(got, []agent.UserID{users[1].ID, users[2].ID}) || d.Status(id).Withheld != nil {
		t.Errorf("ended %v, status %+v", got, d.Status(id))
	}
}

// TestWithheldCheckThatIsOver: the missing people are back before the administrator confirms.
func TestWithheldCheckThatIsOver(t *testing.T) {
	d, id, _ := newCheckTest(t)
	d.answer(reading("a"), nil)
	d.checkNow(id)
	d.answer(reading("a", "b", "c"), nil)
	if err := d.ConfirmCheck(t.Context(), id, 2); err != nil || len(d.sessions.changed) != 0 || d.Status(id).Withheld != nil {
		t.Errorf("%v, changed %+v, status %+v", err, d.sessions.changed, d.Status(id))
	}
}

// TestCheckOfFormerSettings: what was read with former settings, such as groups, does not count.
func TestCheckOfFormerSettings(t *testing.T) {
	d, id, _ := newCheckTest(t)
	d.network.read = func(context.Context, agent.DirectoryID, []string) (agent.DirectoryReading, error) {
		s := companySettings
		s.ID, s.Bases = id, []string{"DC=ru"}
		d.save(s)
		return reading("a", "b"), nil
	}
	d.checkNow(id)
	if len(d.sessions.changed) != 0 {
		t.Errorf("changed %+v", d.sessions.changed)
	}
}

// TestChecksInTime: each directory is checked every CheckInterval, independently of others, and at once after a change.
func TestChecksInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, id, _ := newCheckTest(t)
		s := companySettings
		s.Name, s.CheckInterval = "slow.ru", 10*time.Minute
		slow := d.save(s)
		if _, err := d.store.SaveDirectoryUser(t.Context(), agent.DirectoryPerson{Directory: "slow.ru", GUID: "s", Login: "s"}); err != nil {
			t.Fatal(err)
		}
		checks := map[agent.DirectoryID]int{}
		d.network.read = func(ctx context.Context, of agent.DirectoryID, _ []string) (agent.DirectoryReading, error) {
			d.mu.Lock()
			checks[of]++
			d.mu.Unlock()
			if of == slow {
				<-ctx.Done()
				return agent.DirectoryReading{}, ctx.Err()
			}
			return reading("a", "b", "c"), nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- d.run(ctx) }()
		after := func(wait time.Duration, company, other int) {
			t.Helper()
			<-time.After(wait)
			synctest.Wait()
			d.mu.Lock()
			defer d.mu.Unlock()
			if checks[id] != company || checks[slow] != other {
				t.Errorf("at %v: %d and %d checks, want %d and %d", time.Now(), checks[id], checks[slow], company, other)
			}
		}
		after(time.Second, 1, 1)
		after(5*time.Minute, 2, 1)
		after(5*time.Minute, 3, 2)
		s = companySettings
		s.ID = id
		s.CheckInterval = time.Hour
		d.save(s)
		after(0, 4, 2) // at once
		s.ID, s.Name, s.Bases = slow, "slow.ru", []string{"DC=ru"}
		d.save(s)
		after(checkTick, 4, 2) // the former check is still waiting
		after(checkTimeout, 4, 3)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := d.store.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestFactsAreKept: the NetBIOS name is known after a restart while the directory is unreachable.
func TestFactsAreKept(t *testing.T) {
	d := newDirectoryTest(t)
	id := d.save(companySettings)
	d.network.facts = map[agent.DirectoryID][]string{id: {"COMPANY", "corp.ru"}}
	d.keepFacts(t.Context())
	d.network.facts = nil
	d.keepFacts(t.Context()) // an answer without facts does not delete them
	d.start()
	if s := d.network.set[0]; s.NetBIOS != "COMPANY" || !slices.Equal(s.UPNSuffixes, []string{"corp.ru"}) {
		t.Errorf("in use: %+v", s)
	}
	s := companySettings
	s.ID = id
	d.save(s)
	if s := d.network.set[0]; s.NetBIOS != "COMPANY" {
		t.Errorf("after a change: %+v", s)
	}
}

// TestStateAfterSaving: a directory without accounts is asked right after it is saved, so that its state is known.
func TestStateAfterSaving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirectoryTest(t)
		asked := 0
		d.network.read = func(ctx context.Context, _ agent.DirectoryID, _ []string) (agent.DirectoryReading, error) {
			if asked++; asked == 2 {
				<-ctx.Done()
			}
			return agent.DirectoryReading{}, ctx.Err()
		}
		d.network.down = true
		d.sessions.check = disableMissing(0)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- d.run(ctx) }()
		synctest.Wait()
		id := d.save(companySettings)
		if status := d.Status(id); asked != 1 || !status.Tried || status.Checked.IsZero() {
			t.Errorf("asked %d times: %+v", asked, status)
		}
		s := companySettings
		s.ID, s.Bases = id, []string{"DC=ru"}
		began := time.Now()
		d.save(s)
		if waited, status := time.Since(began), d.Status(id); asked != 2 || waited != firstCheck || status.Tried {
			t.Errorf("silent: asked %d times, waited %v: %+v", asked, waited, status)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := d.store.Close(); err != nil {
			t.Error(err)
		}
	})
}
