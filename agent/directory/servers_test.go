package directory

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
)

// login finds a person and checks the password, as a login does.
func login(ctx context.Context, s *servers) error {
	if _, err := answering(ctx, s); err != nil {
		return err
	}
	_, err := s.bind(ctx, "alice", "alice's")
	return err
}

// logins does n logins at the same time and returns how many failed. It checks that each ends within limit.
func logins(t *testing.T, s *servers, n int, limit time.Duration) (failed int) {
	t.Helper()
	var group sync.WaitGroup
	var mu sync.Mutex
	for range n {
		group.Go(func() {
			began := time.Now()
			err := login(t.Context(), s)
			mu.Lock()
			defer mu.Unlock()
			if took := time.Since(began); took > limit {
				t.Errorf("a login took %v", took)
			}
			if err != nil {
				failed++
				if !errors.Is(err, errUnreachable) {
					t.Errorf("a login failed with %v", err)
				}
			}
		})
	}
	group.Wait()
	return failed
}

func TestSearchAndBind(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		s := n.servers(t, two)
		for range 3 {
			address, err := answering(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "address", address, dc1)
			if _, err := s.bind(t.Context(), "alice", "alice's"); err != nil {
				t.Fatal(err)
			}
			if _, err := s.bind(t.Context(), "alice", "wrong"); !ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
				t.Fatal(err)
			}
		}
		f := n.at[dc1]
		equal(t, "binds of the search account", f.bindsOf("search"), 1)
		equal(t, "binds of alice", f.bindsOf("alice"), 6)
		equal(t, "connections", f.accepted, 3) // measured, search, bind
	})
}

// An empty password or name would be an anonymous bind, which succeeds.
func TestEmptyPassword(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		s := n.servers(t, two)
		n.at[dc1].passwords["alice"], n.at[dc1].passwords[""] = "", ""
		for _, c := range [][2]string{{"alice", ""}, {"", ""}, {"", "x"}} {
			if _, err := s.bind(t.Context(), c[0], c[1]); !ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
				t.Errorf("%q: %v", c, err)
			}
		}
		equal(t, "connections", n.at[dc1].accepted, 0)
	})
}

func TestLoad(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		s := n.servers(t, two)
		equal(t, "failed", logins(t, s, 200, time.Second), 0)
		f := n.at[dc1]
		equal(t, "binds of alice", f.bindsOf("alice"), 200)
		if f.accepted > 1+poolSize+bindSize {
			t.Errorf("%d connections", f.accepted)
		}
		equal(t, "log", n.logs.String(), "")
		pass(idleLimit + time.Second)
		synctest.Wait()
		f.mu.Lock()
		equal(t, "connections after a pause", len(f.open)-f.ended, 0)
		f.mu.Unlock()
	})
}

// TestStopped stops a controller with logins in flight. Connections to it still succeed.
func TestStopped(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		s := n.servers(t, two)
		equal(t, "failed before", logins(t, s, 50, time.Second), 0)
		first, second := n.at[dc1], n.at[dc2]
		first.delay = 5 * time.Millisecond // so that searches and binds are in flight
		go func() {
			pass(12 * time.Millisecond)
			first.stop()
		}()
		before := first.bindsOf("alice")
		failed := logins(t, s, 50, 3*time.Second)
		if failed == 0 || failed > bindSize {
			t.Errorf("%d logins failed: as many as there were binds in flight are to fail", failed)
		}
		equal(t, "failed at the other controller", logins(t, s, 50, 100*time.Millisecond), 0)
		if status := s.status(); status[0].Reachable || !status[1].Reachable || time.Since(status[0].Since) > time.Second {
			t.Errorf("status: %+v", status)
		}

		pass(10 * time.Minute) // it stays down: no further line
		first.proceed()
		pass(retryAfter + 2*time.Second)
		equal(t, "binds of 100 logins", first.bindsOf("alice")-before+second.bindsOf("alice"), 100)
		address, err := answering(t.Context(), s)
		equal(t, "error", err, nil)
		equal(t, "address", address, dc1)
		equal(t, "lines for down", strings.Count(n.logs.String(), "cannot be used"), 1)
		equal(t, "lines for up", strings.Count(n.logs.String(), "can be used again"), 1)
	})
}

// TestStoppedWhileIdle stops a controller while no request is in flight.
func TestStoppedWhileIdle(t *testing.T) {
	for _, pause := range []time.Duration{0, time.Second, time.Minute} {
		inBubble(t, func(t *testing.T, n *fakeNet) {
			s := n.servers(t, two)
			if err := login(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			n.at[dc1].stop()
			pass(pause)
			equal(t, "failed", logins(t, s, 50, 3*time.Second), 0)
		})
	}
}

// TestBindOnly: a bind that was sent to a controller that has stopped must not be sent to the next one.
func TestBindOnly(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		s := n.servers(t, two)
		if _, err := s.bind(t.Context(), "alice", "alice's"); err != nil {
			t.Fatal(err)
		}
		first, second := n.at[dc1], n.at[dc2]
		first.stop()
		began := time.Now()
		_, err := s.bind(t.Context(), "alice", "alice's")
		f := asFinding(err, "")
		if !errors.Is(err, errUnreachable) || !f.Sent || f.Args["Host"] != dc1 {
			t.Errorf("%+v", err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("took %v", took)
		}
		equal(t, "binds at the second", second.bindsOf("alice"), 0)
		_, err = s.bind(t.Context(), "alice", "alice's")
		equal(t, "error", err, nil)
		equal(t, "binds at the second", second.bindsOf("alice"), 1)
	})
}

// TestKeptBindConnection: after a pause, a kept connection is checked before a password is sent on it.
func TestKeptBindConnection(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		s := n.servers(t, two)
		if _, err := s.bind(t.Context(), "alice", "alice's"); err != nil {
			t.Fatal(err)
		}
		first, second := n.at[dc1], n.at[dc2]
		pass(freshLimit + time.Second)
		first.stop()
		_, err := s.bind(t.Context(), "alice", "alice's")
		equal(t, "error", err, nil)
		first.proceed()
		synctest.Wait()
		equal(t, "binds at the first", first.bindsOf("alice"), 1)
		equal(t, "binds at the second", second.bindsOf("alice"), 1)
	})
}

// TestLostAnswer: a bind without an answer, because the server closes the connection, is not repeated.
func TestLostAnswer(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		s := n.servers(t, two)
		n.at[dc1].hangUp = true
		_, err := s.bind(t.Context(), "alice", "alice's")
		if !errors.Is(err, errUnreachable) || !asFinding(err, "").Sent {
			t.Errorf("%+v", err)
		}
		equal(t, "binds", n.at[dc1].bindsOf("alice")+n.at[dc2].bindsOf("alice"), 1)
	})
}

// TestDropped: no login fails after the server has closed idle connections.
func TestDropped(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		s := n.servers(t, two)
		for i := range 5 {
			equal(t, "failed", logins(t, s, 20, time.Second), 0)
			n.at[dc1].drop()
			if i > 2 { // else the client has not noticed it yet
				synctest.Wait()
			}
		}
		equal(t, "log", n.logs.String(), "")
	})
}

// TestStale: if the server closes a pooled connection at the next request, the search runs on a new one to the same controller,
// and the other pooled ones are dropped.
func TestStale(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		s := n.servers(t, two)
		equal(t, "failed", logins(t, s, 50, time.Second), 0)
		n.at[dc1].hangUps = 1
		accepted := n.at[dc1].accepted
		address, err := answering(t.Context(), s)
		equal(t, "error", err, nil)
		equal(t, "address", address, dc1)
		equal(t, "new connections", n.at[dc1].accepted-accepted, 1)
		synctest.Wait()
		s.mu.Lock()
		equal(t, "kept connections", len(s.searches), 1)
		s.mu.Unlock()

		n.at[dc1].hangUps = 100 // it is broken
		address, err = answering(t.Context(), s)
		equal(t, "error", err, nil)
		equal(t, "address", address, dc2)
	})
}

// TestForgottenByFirewall: no login fails after a firewall has dropped the state of idle connections.
func TestForgottenByFirewall(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		s := n.servers(t, two)
		equal(t, "failed", logins(t, s, 50, time.Second), 0)
		pass(time.Minute)
		old := n.at[dc1]
		old.stop()
		fresh := n.start(t, dc1)
		equal(t, "failed", logins(t, s, 50, time.Second), 0)
		equal(t, "log", n.logs.String(), "")
		old.proceed()
		synctest.Wait()
		equal(t, "binds on old connections", old.bindsOf("alice"), 50)
		equal(t, "binds on new ones", fresh.bindsOf("alice"), 50)
	})
}

// TestRestarted: logins fail at once while the only controller refuses connections, and succeed as soon as it listens again.
func TestRestarted(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		s := n.servers(t, agent.DirectorySettings{Controllers: []string{"dc1.example.test"}})
		equal(t, "error", login(t.Context(), s), nil)
		first := n.remove(dc1)
		equal(t, "failed", logins(t, s, 50, 100*time.Millisecond), 50)
		err := login(t.Context(), s)
		equal(t, "finding", asFinding(err, "").Finding, agent.FindingConnRefused)
		pass(10 * time.Minute)
		equal(t, "failed", logins(t, s, 50, 100*time.Millisecond), 50)
		n.add(dc1, first)
		equal(t, "failed", logins(t, s, 50, 100*time.Millisecond), 0)
		equal(t, "lines", strings.Count(n.logs.String(), "\n"), 2)
	})
}

// TestAllSilent: after the first logins, logins fail at once while no controller answers.
func TestAllSilent(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		s := n.servers(t, two)
		n.at[dc1].stop()
		n.at[dc2].stop()
		equal(t, "failed", logins(t, s, 50, 4*time.Second), 50)
		equal(t, "failed", logins(t, s, 50, 100*time.Millisecond), 50)
		n.at[dc1].proceed()
		pass(retryNoneUp + 2*time.Second)
		equal(t, "failed", logins(t, s, 50, 100*time.Millisecond), 0)
	})
}

// TestProbesWithoutLogins: controllers that answer again are marked up without any login.
func TestProbesWithoutLogins(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		s := n.servers(t, two)
		equal(t, "failed", logins(t, s, 10, time.Second), 0)
		n.at[dc1].stop()
		n.at[dc2].stop()
		equal(t, "failed", logins(t, s, 10, 4*time.Second), 10)
		n.at[dc1].proceed()
		n.at[dc2].proceed()
		pass(retryNoneUp + 2*time.Second)
		if status := s.status(); !status[0].Reachable && !status[1].Reachable {
			t.Errorf("%+v", status)
		}
	})
}

// TestFull: a controller that does not answer on new connections, but on the existing ones, stays in use.
func TestFull(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		s := n.servers(t, two)
		equal(t, "failed", logins(t, s, 50, time.Second), 0)
		n.at[dc1].full, n.at[dc1].delay = true, 1500*time.Millisecond
		var group sync.WaitGroup
		for i := range poolSize {
			group.Go(func() {
				pass(time.Duration(i) * 100 * time.Millisecond)
				address, err := answering(t.Context(), s)
				equal(t, "error", err, nil)
				equal(t, "address", address, dc1)
			})
		}
		group.Wait()
		equal(t, "log", n.logs.String(), "")
	})
}

// TestBusy: a controller that is slow but answers probes stays in use.
func TestBusy(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		s := n.servers(t, two)
		n.at[dc1].delay = 5 * time.Second
		equal(t, "error", login(t.Context(), s), nil)
		equal(t, "log", n.logs.String(), "")
		equal(t, "binds", n.at[dc1].bindsOf("alice"), 1)
	})
}

func TestCancelled(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		s := n.servers(t, two)
		n.at[dc1].delay = 5 * time.Second
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		began := time.Now()
		_, err := answering(ctx, s)
		equal(t, "error", err, context.DeadlineExceeded)
		equal(t, "time", time.Since(began), 300*time.Millisecond)

		ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err = s.bind(ctx, "alice", "alice's")
		if !errors.Is(err, errUnreachable) || !errors.Is(err, context.DeadlineExceeded) || !asFinding(err, "").Sent {
			t.Errorf("%+v", err)
		}
		equal(t, "log", n.logs.String(), "")
	})
}

// TestSearchAccount: a wrong password of the search account is sent once in half an hour, so that the domain does not lock it.
func TestSearchAccount(t *testing.T) {
	for _, c := range []struct {
		name    string
		code    int
		message string
		finding agent.DirectoryFinding
		perHour int // binds
	}{
		{"wrong password", 49, "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 52e, v2580", agent.FindingSearchCredential, 2},
		{"wrong password without a reason", 49, "", agent.FindingSearchCredential, 2},
		{"disabled", 49, "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 533, v2580", agent.FindingSearchAccount, 60},
		{"no such DN", 34, "", agent.FindingSearchCredential, 60},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, n *fakeNet) {
				s := n.servers(t, two)
				n.at[dc1].bindResult, n.at[dc1].message = c.code, c.message
				for range 60 {
					var group sync.WaitGroup
					for range 10 {
						group.Go(func() {
							_, err := answering(t.Context(), s)
							var result *ldap.Error
							if f := asFinding(err, ""); f.Finding != c.finding || !errors.As(err, &result) || result.ResultCode != uint16(c.code) {
								t.Errorf("%+v", err)
							}
						})
					}
					group.Wait()
					pass(time.Minute + time.Second)
				}
				equal(t, "binds", n.at[dc1].bindsOf("search")+n.at[dc2].bindsOf("search"), c.perHour)
				if n.at[dc1].accepted > 12*c.perHour {
					t.Errorf("%d connections", n.at[dc1].accepted)
				}
			})
		})
	}
}

// TestSearchAccountBusy: if a controller cannot bind now, the next one is used.
func TestSearchAccountBusy(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		s := n.servers(t, two)
		n.at[dc1].bindResult = ldap.LDAPResultUnavailable
		address, err := answering(t.Context(), s)
		equal(t, "error", err, nil)
		equal(t, "address", address, dc2)
		n.at[dc2].bindResult = ldap.LDAPResultBusy
		n.at[dc2].drop()
		_, err = answering(t.Context(), s)
		equal(t, "finding", asFinding(err, "").Finding, agent.FindingFailed)
	})
}

func TestPasswordLost(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		settings := two
		settings.PasswordLost = true
		_, err := answering(t.Context(), n.servers(t, settings))
		equal(t, "finding", asFinding(err, "").Finding, agent.FindingPasswordLost)
		equal(t, "binds", n.at[dc1].bindsOf("search"), 0)
	})
}

func TestClosed(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		s := n.servers(t, two)
		equal(t, "error", login(t.Context(), s), nil)
		s.close()
		if err := login(t.Context(), s); err == nil {
			t.Error("a login after close")
		}
	})
}

func TestParseController(t *testing.T) {
	for text, want := range map[string]string{
		"DC1.example.test": "dc1.example.test:636", "dc1:3269": "dc1:3269", "10.0.0.1": "10.0.0.1:636", "10.0.0.1:1636": "10.0.0.1:1636",
		"2001:db8::1": "[2001:db8::1]:636", "[2001:db8::1]": "[2001:db8::1]:636", "[2001:db8::1]:1636": "[2001:db8::1]:1636",
	} {
		equal(t, text, parseController(text, 636).address, want)
	}
}
