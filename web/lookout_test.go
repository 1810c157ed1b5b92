package web

import (
	"context"
	"errors"
	"net/netip"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestLookout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // guards what follows
		var domain string
		var changes int
		var found []netip.Addr // nothing: DNS does not answer
		set := func(to string, list ...string) {
			mu.Lock()
			defer mu.Unlock()
			domain, found = to, addrs(list...)
		}
		l := newLookout()
		l.lookup = func(_ context.Context, host string) ([]netip.Addr, error) {
			mu.Lock()
			defer mu.Unlock()
			if len(found) == 0 || host != domain {
				return nil, errors.New("no answer")
			}
			return found, nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		saved := func() string {
			mu.Lock()
			defer mu.Unlock()
			return domain
		}
		go l.run(ctx, saved, func() {
			mu.Lock()
			defer mu.Unlock()
			changes++
		})
		pass := func(d time.Duration) {
			<-time.After(d)
			synctest.Wait()
		}
		want := func(what, domain string, count int, list ...string) {
			t.Helper()
			mu.Lock()
			defer mu.Unlock()
			if got := l.addresses(domain); !reflect.DeepEqual(got, addrs(list...)) || changes != count {
				t.Errorf("%s: %v after %d changes, want %v after %d", what, got, changes, list, count)
			}
		}
		want("nothing saved", "", 0)
		want("an address", "203.0.113.5", 0, "203.0.113.5")
		want("loopback", "127.0.0.1", 0)
		const name = "gw.example.com"
		set(name, "203.0.113.9", "203.0.113.7", "127.0.0.1", "0.0.0.0", "::ffff:203.0.113.7")
		l.hurry()
		synctest.Wait()
		want("looked up", name, 1, "203.0.113.7", "203.0.113.9")
		want("another", "other.example.com", 1)
		pass(lookEvery)
		want("the same", name, 1, "203.0.113.7", "203.0.113.9")
		set(name)
		pass(lookEvery)
		want("DNS fails", name, 1, "203.0.113.7", "203.0.113.9")
		set(name, "198.51.100.1")
		pass(lookAgain)
		want("moved", name, 2, "198.51.100.1")
		cancel()
		synctest.Wait()
	})
}
