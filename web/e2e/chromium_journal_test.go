//go:build browser

package e2e

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"ideco-agent/agent"
	"ideco-agent/agent/store"
)

// fillJournal writes 60 sessions of ivanov and petrova and 8 refusals into the journal of a running gateway.
func (g *gateway) fillJournal() {
	g.t.Helper()
	db, err := store.Open(g.t.Context(), filepath.Join(g.data, "ideco.db"))
	if err != nil {
		g.t.Fatal(err)
	}
	defer db.Close()
	now := time.Now()
	people := []agent.Session{
		{UserID: 2, Login: "ivanov", Name: "Иванов Иван Константинович", Group: "Центральный офис, Бухгалтерия", Directory: agent.LocalDirectory, Device: agent.Device{Name: "PC-0007"}},
		{UserID: 3, Login: "petrova", Name: "Петрова Анна", Directory: "company.local", Device: agent.Device{Name: "NOTEBOOK-PETROVA"}},
	}
	ways := []agent.Way{agent.WayPassword, agent.WayTicket, agent.WayBrowser, agent.WayRule, ""}
	kinds := []agent.Kind{agent.KindLAN, agent.KindVPN, agent.KindWeb, agent.KindStatic, agent.KindLAN}
	for i := range 60 {
		s := people[i%2]
		s.ID, s.Kind, s.Way = fmt.Sprintf("e2e-session-%02d", i), kinds[i%5], ways[i%5]
		s.Address, s.ExternalIP = netip.AddrFrom4([4]byte{192, 168, 7, byte(20 + i)}), netip.AddrFrom4([4]byte{192, 168, 7, byte(20 + i)})
		if s.Kind == agent.KindVPN {
			s.Address, s.ExternalIP = netip.AddrFrom4([4]byte{10, 128, 0, byte(20 + i)}), netip.MustParseAddr("2001:db8:85a3:8d3:1319:8a2e:370:7348")
		}
		s.Started = now.Add(-time.Duration(i)*5*time.Hour - 10*time.Minute)
		s.LoggedIn, s.Expires = s.Started, s.Started.Add(24*time.Hour)
		s.MACStored, s.RxStored, s.TxStored = fmt.Sprintf("52:54:00:12:34:%02x", i), uint64(i)*123456789, uint64(i)*987654
		if i > 2 {
			s.Ended, s.Reason = s.Started.Add(time.Duration(i*37)*time.Minute), agent.Reasons[i%len(agent.Reasons)]
		}
		if err := db.SaveSession(g.t.Context(), s); err != nil {
			g.t.Fatal(err)
		}
	}
	codes := []agent.Code{agent.CodeBadCredentials, agent.CodeAddressBusy, agent.CodeLogonRestricted, agent.CodeSSOUnavailable}
	for i := range 8 {
		r := agent.RefusedAttempt{At: now.Add(-time.Duration(i) * time.Hour), Login: "secret", Peer: agent.Peer{Addr: netip.MustParseAddr("203.0.113.9")}, Way: agent.WayPassword, Code: codes[i%4]}
		if i%2 == 1 {
			r.Login, r.UserID, r.Peer = "ivanov", 2, agent.Peer{Addr: netip.MustParseAddr("192.168.7.30"), Inside: true}
		}
		if err := db.AddRefused(g.t.Context(), r); err != nil {
			g.t.Fatal(err)
		}
	}
}

// TestJournalInChromium opens the journal, empty and with entries, and uses its pages, search and filters.
func TestJournalInChromium(t *testing.T) {
	g := startGateway(t)
	b := g.chromium(t)
	b.setsUp(g)
	b.open("/admin/journal")
	b.sees(".empty", "Здесь будут входы и отказы")
	b.pictures("journal-empty")

	admin := g.rest("boss", adminPassword)
	admin.user(map[string]any{"login": "ivanov"})
	g.fillJournal()
	b.open("/admin/journal")
	b.sees(".count", "68 записей")
	b.sees("tbody", "Идёт сейчас")
	b.sees("tbody", "Неверный логин или пароль")
	b.pictures("journal")
	b.click(".paging a[rel=next]")
	b.sees(".paging", "51–68 из 68")
	b.types("q", "2001:db8:85a3")
	b.click(".search > button")
	b.sees(".count", "12 записей")
	b.pictures("journal-found")

	b.open("/admin/journal")
	b.click(".filters summary")
	b.do("choose what to find", chromedp.SetValue(chromedp.CSS("#what"), "refusals"), chromedp.SetValue(chromedp.CSS("#reason"), "address_busy"))
	b.click(".filters button")
	b.sees(".count", "2 записи")
	b.sees("tbody", "Адрес занят другим человеком")
	b.pictures("journal-filtered")
	b.click(`form[action="/language"] button`)
	b.sees("tbody", "Address taken by another person")
	b.sees(".count", "2 entries")
	b.pictures("journal-en")
	b.click(`form[action="/language"] button`)
	b.sees("nav", "Журнал авторизации")
	b.open("/admin/journal?from=2026-11-02&to=2026-11-01")
	b.sees("#to-note", "Поменяйте даты местами")
	b.pictures("journal-dates")
	b.open("/admin/journal?q=nobody")
	b.sees(".empty", "Ничего не нашлось")
}
