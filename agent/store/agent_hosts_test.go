package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ideco-agent/agent"
)

// agentsSince checks how many agents connect by each host.
func agentsSince(t *testing.T, s *Store, since time.Time, want map[string]int) {
	t.Helper()
	got, err := s.AgentsByHost(t.Context(), since)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("since %v: %s", since, diff)
	}
}

func TestAgentsByHost(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	a, b := addUser(t, s, agent.User{Login: "a"}, ""), addUser(t, s, agent.User{Login: "b"}, "")
	const day = 24 * time.Hour
	for _, d := range []struct {
		user agent.UserID
		id   string
	}{{a, "pc"}, {a, "laptop"}, {b, "pc"}, {b, "browser"}} {
		check(t, s.RememberDevice(ctx, d.user, d.id, start))
	}
	for _, c := range []struct {
		user       agent.UserID
		device     string
		host       string
		after      time.Duration
		old, fresh int // agents by each host
	}{
		{a, "pc", "old.ru", 0, 1, 0},
		{a, "laptop", "old.ru", time.Hour, 2, 0},
		{a, "laptop", "new.ru", 2 * time.Hour, 1, 1},
		{b, "pc", "new.ru", 3 * time.Hour, 0, 2},  // another person on the same computer
		{a, "pc", "old.ru", 40 * time.Hour, 1, 1}, // the same host again, more than a day later
		{b, "unknown", "old.ru", 41 * time.Hour, 1, 1},
		{b, "", "old.ru", 41 * time.Hour, 1, 1},
	} {
		check(t, s.AgentConnected(ctx, c.user, c.device, c.host, start.Add(c.after)))
		check(t, s.RememberDevice(ctx, a, "pc", start.Add(c.after))) // a login does not forget the host
		want := map[string]int{}
		if c.old > 0 {
			want["old.ru"] = c.old
		}
		if c.fresh > 0 {
			want["new.ru"] = c.fresh
		}
		agentsSince(t, s, start, want)
	}
	agentsSince(t, s, start.Add(day), map[string]int{"old.ru": 1})
	agentsSince(t, s, start.Add(2*day), map[string]int{})
	check(t, s.DeleteUser(ctx, a))
	agentsSince(t, s, start, map[string]int{"new.ru": 1})
}

// TestAgentConnectedSeldomWrites: an agent that comes back often, or a thousand at once after a restart, cost no writes.
func TestAgentConnectedSeldomWrites(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	id := addUser(t, s, agent.User{Login: "a"}, "")
	check(t, s.RememberDevice(ctx, id, "pc", start))
	check(t, s.AgentConnected(ctx, id, "pc", "old.ru", start))
	check(t, s.AgentConnected(ctx, id, "pc", "old.ru", start.Add(connectedEvery)))
	agentsSince(t, s, start.Add(time.Second), map[string]int{})
	check(t, s.AgentConnected(ctx, id, "pc", "old.ru", start.Add(connectedEvery+time.Second)))
	agentsSince(t, s, start.Add(time.Second), map[string]int{"old.ru": 1})
}

// TestAgentHostsOfAnEarlierVersion: agents count under the saved domain, browsers do not count.
func TestAgentHostsOfAnEarlierVersion(t *testing.T) {
	for saved, want := range map[string]map[string]int{`"gw.company.ru"`: {"gw.company.ru": 1}, `""`: {}, "": {}} {
		path, db := earlierVersion(t, 2)
		_, err := db.writer.Exec(`INSERT INTO users (login, login_key, login_norm, name, search, directory, hash, enabled, admin,
				remote_access, phone, comment, created)
			VALUES ('a', 'a', 'a', '', 'a', 'local', '', TRUE, FALSE, FALSE, '', '', 0);
			INSERT INTO devices (user_id, device_id, seen) VALUES (1, 'pc', $1), (1, 'browser', $1);
			INSERT INTO sessions (`+firstSessionColumns+`)
			VALUES ('s1', 1, '', '', '', '', '', '', 'pc', '', '', $1, 0, 0, 0, '', '', '', '')`, micros(start))
		check(t, err)
		if saved != "" {
			_, err = db.writer.Exec(`INSERT INTO settings (key, value) VALUES ('auth_domain', $1)`, saved)
			check(t, err)
		}
		check(t, db.Close())
		s := openStore(t, path)
		agentsSince(t, s, start, want)
	}
}
