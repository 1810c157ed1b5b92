//go:build ad

package directory

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
	"ideco-agent/agent/directory/lab"
)

// BenchmarkLogin measures logins with groups beside binds alone, each on eight connections of the same server.
func BenchmarkLogin(b *testing.B) {
	run := func(b *testing.B, kind agent.DirectoryKind, d *lab.Directory, logins ...string) {
		settings := labSettings(kind, d)
		o := newOffice(b, settings)
		settings.LoginGroups = o.group(b, settings, "VPN-Users")
		o.Set([]agent.DirectorySettings{settings})
		measure := func(f func(login string) error) time.Duration {
			began := time.Now()
			const n, workers = 600, 8
			var next atomic.Int64
			done := make(chan error, workers)
			for range workers {
				go func() {
					for i := next.Add(1); i <= n; i = next.Add(1) {
						if err := f(logins[int(i)%len(logins)]); err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
			}
			for range workers {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
			return time.Since(began) / n
		}
		login := func(login string) error {
			account, err := o.Find(b.Context(), login)
			if err == nil {
				_, err = account.Authenticate(b.Context(), agent.Credentials{Password: lab.Password})
			}
			return err
		}
		conns := make(chan *ldap.Conn, 8)
		for range 8 {
			conns <- d.Bind(b, d.PersonDN("alice"), lab.Password)
		}
		bind := func(login string) error {
			c := <-conns
			defer func() { conns <- c }()
			return c.Bind(d.PersonDN(login), lab.Password)
		}
		measure(login)
		var one, other time.Duration
		for b.Loop() {
			one += measure(login)
			other += measure(bind)
		}
		b.ReportMetric(float64(time.Second)*float64(b.N)/float64(one), "logins/s")
		b.ReportMetric(float64(time.Second)*float64(b.N)/float64(other), "binds/s")
		b.ReportMetric(float64(other)/float64(one), "logins/bind")
		b.ReportMetric(0, "ns/op")
	}
	b.Run("AD", func(b *testing.B) {
		run(b, agent.DirectoryAD, lab.NewAD(b).Directory, "alice", "bob", "Иван Петров")
	})
	b.Run("OpenLDAP", func(b *testing.B) {
		run(b, agent.DirectoryOpenLDAP, lab.NewOpenLDAP(b, true), "bob", "Иван Петров")
	})
}
