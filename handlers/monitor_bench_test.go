package handlers

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/agent/store"
	"ideco-agent/templates"
)

// openSessions is a store with open sessions of a former process.
type openSessions struct {
	*store.Store
	list []agent.Session
}

func (o openSessions) OpenSessions(context.Context) ([]agent.Session, error) { return o.list, nil }

// User returns an account for every session.
func (o openSessions) User(_ context.Context, id agent.UserID) (agent.User, error) {
	return agent.User{ID: id, Login: "user", Directory: agent.LocalDirectory, Enabled: true}, nil
}

// countingFirewall counts more traffic for every session each time that it is asked.
type countingFirewall struct {
	access.Firewall
	still   bool // there is no traffic
	random  *rand.Rand
	traffic map[string]agent.Traffic
}

func (f *countingFirewall) Readmit(context.Context, agent.Session) error { return nil }
func (f *countingFirewall) Recount(context.Context, []string)            {}
func (f *countingFirewall) Revoke(context.Context, agent.Session)        {}
func (f *countingFirewall) MACs() map[string]net.HardwareAddr            { return nil }

func (f *countingFirewall) Traffic() map[string]agent.Traffic {
	for id, t := range f.traffic {
		if f.still {
			break
		}
		t.Rx += f.random.Uint64N(1 << 20)
		t.Tx += f.random.Uint64N(1 << 18)
		f.traffic[id] = t
	}
	return f.traffic
}

// newCrowd is a site with n live sessions.
func newCrowd(tb testing.TB, n int, more ...agent.Session) (*Site, *countingFirewall) {
	tb.Helper()
	s := newSite(tb)
	s.Settings.(*fixedSettings).now.Grace = time.Hour
	open := openSessions{Store: s.Accounts.(accounts).Store}
	firewall := &countingFirewall{random: rand.New(rand.NewPCG(1, 2)), traffic: map[string]agent.Traffic{}}
	first := []string{"Александр", "Мария", "Константин", "Анна", "Иван"}
	for i := range n {
		at := netip.AddrFrom4([4]byte{10, 1, byte(i / 250), byte(1 + i%250)})
		one := agent.Session{
			ID: agent.NewSessionID(), UserID: agent.UserID(100 + i), Login: fmt.Sprintf("user%05d", i), Name: fmt.Sprintf("Иванов%d %s", i*7919%n, first[i%5]), Directory: agent.LocalDirectory,
			Kind: agent.KindLAN, Way: agent.WayPassword, Address: at, ExternalIP: at, Inside: true, Device: agent.Device{Name: fmt.Sprintf("WS-%05d", i)},
			Started: time.Now().Add(-time.Duration(20+i%600) * time.Minute), MACStored: fmt.Sprintf("52:54:00:12:%02x:%02x", i/256, i%256),
		}
		one.LoggedIn, one.Expires = one.Started, one.Started.Add(24*time.Hour)
		open.list = append(open.list, one)
		firewall.traffic[one.ID] = agent.Traffic{Rx: uint64(i) << 22, Tx: uint64(i) << 18}
	}
	open.list = append(open.list, more...)
	s.Sessions = access.NewManager(access.Config{Gate: s.Gate, Store: open, Firewall: firewall, Settings: s.Settings.Current, Log: s.Log})
	if err := s.Sessions.Restore(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	if live := len(s.Sessions.Sessions()); live != len(open.list) {
		tb.Fatalf("%d of %d sessions live", live, len(open.list))
	}
	return s, firewall
}

// openMonitor is an open page of the monitor with its script.
type openMonitor struct {
	tb   testing.TB
	h    http.Handler
	path string
	boss []*http.Cookie
	has  []string // what the script sends
}

// get sends a request of the browser, of its script if it says what it has.
func (m *openMonitor) get(has string) *httptest.ResponseRecorder {
	m.tb.Helper()
	r := httptest.NewRequest("GET", "https://gw.example.test"+m.path, nil)
	r.RemoteAddr = fromLAN
	if has != "" {
		r.Header.Set(templates.LiveHeader, has)
	}
	for _, c := range m.boss {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	m.h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		m.tb.Fatalf("%s: %d", m.path, w.Code)
	}
	return w
}

// open loads the page.
func (m *openMonitor) open() *goquery.Document {
	m.tb.Helper()
	doc, err := goquery.NewDocumentFromReader(m.get("").Body)
	if err != nil {
		m.tb.Fatal(err)
	}
	part := doc.Find("[data-live-table]")
	m.has = []string{part.AttrOr("data-layout", ""), part.AttrOr("data-frame", "")}
	doc.Find("tbody tr").Each(func(_ int, row *goquery.Selection) { m.has = append(m.has, row.AttrOr("data-row", "")) })
	return doc
}

func compressed(tb testing.TB, b []byte) int {
	tb.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b) // writing to a bytes.Buffer returns no errors
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Len()
}

// BenchmarkOpenMonitor reports what an open monitor with 300 sessions, all with traffic, gets in a minute: 12 answers with their headers,
// compressed. "page" is what it would get if the whole page were sent each time.
func BenchmarkOpenMonitor(b *testing.B) {
	s, _ := newCrowd(b, 300)
	boss := signIn(b, s, "boss")
	for _, size := range []string{"50", "300"} {
		b.Run(size+" rows", func(b *testing.B) {
			m := &openMonitor{tb: b, h: s.PortalHandler(), path: "/admin/monitor/sessions", boss: append(boss, &http.Cookie{Name: "ideco_columns_sessions", Value: size + ".mac.external"})}
			whole := m.get("").Body.Bytes()
			m.open()
			minute := 0
			for b.Loop() {
				minute = 0
				for range 12 {
					s.Sessions.Sessions() // counts anew
					w := m.get(strings.Join(m.has, ","))
					var headers bytes.Buffer
					_ = w.Result().Header.Write(&headers)
					minute += headers.Len() + compressed(b, w.Body.Bytes())
				}
			}
			b.ReportMetric(float64(minute)/1000, "kB/minute")
			b.ReportMetric(float64(12*len(whole))/1000, "kB/minute-page")
			b.ReportMetric(float64(12*compressed(b, whole))/1000, "kB/minute-page-gzip")
		})
	}
}

// cpu returns the CPU time of this process.
func cpu(tb testing.TB) time.Duration {
	tb.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// loop runs what b measures and reports its CPU time, which other processes of the machine change less than the time that passes.
func loop(b *testing.B, run func()) {
	b.Helper()
	before := cpu(b)
	for b.Loop() {
		run()
	}
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
}

// BenchmarkMonitor measures a page of 10,000 sessions, and what the script asks for.
func BenchmarkMonitor(b *testing.B) {
	s, _ := newCrowd(b, 10_000)
	m := &openMonitor{tb: b, h: s.PortalHandler(), boss: signIn(b, s, "boss")}
	for name, path := range map[string]string{"first": "", "middle": "?page=100", "traffic": "?sort=-rx&page=20", "search": "?q=иванов77", "address": "?q=10.1.7.1"} {
		b.Run(name, func(b *testing.B) {
			m.path = "/admin/monitor/sessions" + path
			loop(b, func() { m.get("") })
		})
	}
	b.Run("changes", func(b *testing.B) {
		m.path = "/admin/monitor/sessions"
		m.open()
		loop(b, func() { m.get(strings.Join(m.has, ",")) })
	})
}
