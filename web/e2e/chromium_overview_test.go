//go:build browser

package e2e

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/store"
)

// fillDay writes a day of 300 people and some refusals into the journal of a running gateway.
func (g *gateway) fillDay() {
	g.t.Helper()
	db, err := store.Open(g.t.Context(), filepath.Join(g.data, "ideco.db"))
	if err != nil {
		g.t.Fatal(err)
	}
	defer db.Close()
	now := time.Now()
	kinds := []agent.Kind{agent.KindLAN, agent.KindLAN, agent.KindLAN, agent.KindVPN, agent.KindWeb}
	for i := range 300 {
		s := agent.Session{ID: fmt.Sprintf("day-%03d", i), UserID: 2, Login: "ivanov", Kind: kinds[i%5], Way: agent.WayPassword, Reason: agent.ReasonLogout}
		s.Address = netip.AddrFrom4([4]byte{192, 168, 7, byte(i)})
		s.Started = now.Add(-14*time.Hour + time.Duration(i*i%300)*time.Minute)
		s.LoggedIn, s.Expires = s.Started, s.Started.Add(24*time.Hour)
		if err := db.SaveSession(g.t.Context(), s); err != nil {
			g.t.Fatal(err)
		}
		end := agent.SessionEnd{At: s.Started.Add(time.Duration(2+i%7) * time.Hour), Reason: agent.ReasonLogout, Rx: uint64(i) * 1234567, Tx: uint64(i) * 23456789}
		if err := db.EndSession(g.t.Context(), s.ID, end); err != nil {
			g.t.Fatal(err)
		}
	}
	codes := []agent.Code{agent.CodeBadCredentials, agent.CodeBadCredentials, agent.CodeVPNNotAllowed, agent.CodeAddressBusy, agent.CodeTooManyAttempts}
	for i := range 40 {
		r := agent.RefusedAttempt{At: now.Add(-time.Duration(i*i%23) * time.Hour), Peer: agent.Peer{Addr: netip.MustParseAddr("203.0.113.9")}, Way: agent.WayPassword, Code: codes[i%5]}
		if err := db.AddRefused(g.t.Context(), r); err != nil {
			g.t.Fatal(err)
		}
	}
}

// TestOverviewInChromium: the overview is the first page of an administrator, on a new gateway and after a busy day, and its numbers
// lead to what they count.
func TestOverviewInChromium(t *testing.T) {
	g := startGateway(t)
	b := g.chromium(t)
	b.setsUp(g)
	b.sees("#overview-sessions ~ p", "Здесь будет видно")
	b.pictures("overview-new")

	busy := startGateway(t)
	busy.administrator()
	busy.rest("boss", adminPassword).user(map[string]any{"login": "ivanov", "psw": userPassword})
	busy.fillDay()
	b = busy.chromium(t)
	b.logsIn("boss", adminPassword)
	b.sees("h1", "Обзор")
	b.sees(`section[aria-labelledby="overview-refusals"]`, "Нет права на доступ извне")
	b.pictures("overview")
	b.click(".overview-hours summary")
	b.sees(".overview-hours tbody", "–")
	b.pictures("overview-hours")
	b.click(`form[action="/language"] button`)
	b.sees("h1", "Overview")
	b.pictures("overview-en")
	b.click(".overview-list a")
	b.sees(".count", "16 entries")
}
