//go:build ad

package directory

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
	"ideco-agent/agent/directory/lab"
)

// BenchmarkLogin measures logins with a login group beside binds alone at Active Directory, each on eight connections. Short rounds
// of both take turns, so that other work on the machine slows both. The figures are the medians of the rounds.
//
// OpenLDAP is left out. Its usual hash, {SSHA}, is one SHA-1, so a bind is as cheap as a search, and the ratio would only say that
// a login takes several requests.
func BenchmarkLogin(b *testing.B) {
	const rounds, perRound, workers = 15, 96, 8
	ad := lab.NewAD(b)
	settings := labSettings(agent.DirectoryAD, ad.Directory)
	o := newOffice(b, settings)
	settings.LoginGroups = o.group(b, settings, "VPN-Users")
	o.Set([]agent.DirectorySettings{settings})
	login := func(login string) error {
		account, err := o.Find(b.Context(), login)
		if err == nil {
			_, err = account.Authenticate(b.Context(), agent.Credentials{Password: lab.Password})
		}
		return err
	}
	conns := make(chan *ldap.Conn, workers)
	for range workers {
		conns <- ad.Bind(b, ad.PersonDN("alice"), lab.Password)
	}
	bind := func(login string) error {
		c := <-conns
		defer func() { conns <- c }()
		return c.Bind(ad.PersonDN(login), lab.Password)
	}
	logins := []string{"alice", "bob", "Иван Петров"}
	// measure returns how many calls of f end in a second.
	measure := func(f func(login string) error) float64 {
		began := time.Now()
		var next atomic.Int64
		done := make(chan error, workers)
		for range workers {
			go func() {
				for i := next.Add(1); i <= perRound; i = next.Add(1) {
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
		return perRound / time.Since(began).Seconds()
	}
	measure(login) // opens the connections
	var loginRates, bindRates, ratios []float64
	for b.Loop() {
		for range rounds {
			l, r := measure(login), measure(bind)
			loginRates, bindRates, ratios = append(loginRates, l), append(bindRates, r), append(ratios, l/r)
		}
	}
	b.ReportMetric(median(loginRates), "logins/s")
	b.ReportMetric(median(bindRates), "binds/s")
	b.ReportMetric(median(ratios), "logins/bind")
	b.ReportMetric(0, "ns/op")
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
