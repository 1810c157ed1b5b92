//go:build browser

package e2e

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"ideco-agent/agent"
	"ideco-agent/agent/store"
)

// withSessions restarts the gateway with 300 live sessions of browsers and agents, all of the account ivanov.
func (g *gateway) withSessions() {
	g.t.Helper()
	g.kill(syscall.SIGTERM)
	db, err := store.Open(g.t.Context(), filepath.Join(g.data, "ideco.db"))
	if err != nil {
		g.t.Fatal(err)
	}
	defer db.Close()
	first := []string{"Александр", "Мария", "Константин", "Анна", "Иван", "Екатерина"}
	last := []string{"Преображенский", "Ким", "Петрова-Водкина", "Иванов", "Сидоренко"}
	for i := range 300 {
		at := netip.AddrFrom4([4]byte{127, 0, byte(1 + i/200), byte(1 + i%200)})
		s := agent.Session{
			ID: fmt.Sprintf("e2e-%013d", i), UserID: 2, Login: fmt.Sprintf("user%03d", i), Name: last[i%5] + " " + first[i%6], Directory: agent.LocalDirectory,
			Kind: agent.KindWeb, Way: agent.WayBrowser, Address: at, ExternalIP: at, Inside: true, Device: agent.Device{Name: fmt.Sprintf("NOTEBOOK-OFFICE-%03d", i)},
			Started: time.Now().Add(-time.Duration(i)*2*time.Minute - time.Minute), MACStored: fmt.Sprintf("52:54:00:12:%02x:%02x", i/256, i%256),
			RxStored: uint64(i) * 98765432, TxStored: uint64(i) * 1234567,
		}
		if i%10 == 0 {
			s.Kind, s.Way = agent.KindLAN, agent.WayPassword
		}
		s.LoggedIn, s.Expires = s.Started, s.Started.Add(24*time.Hour)
		if err := db.SaveSession(g.t.Context(), s); err != nil {
			g.t.Fatal(err)
		}
	}
	g.startAgain()
}

// evaluate returns the value of a script in the page.
func evaluate[T any](b *tab, script string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	result, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", script, err)
	}
	return result
}

// nextRefresh is a promise that is kept once the table has been refreshed.
const nextRefresh = `new Promise((done) => {
	const answered = window.fetch;
	window.fetch = async (...request) => {
		const answer = await answered(...request);
		window.fetch = answered;
		const json = answer.json.bind(answer);
		answer.json = async () => { const changes = await json(); setTimeout(() => done(JSON.stringify(changes).length)); return changes; };
		return answer;
	};
})`

// brokenCells lists what is wrong with the rows in the window: cells of more than one line, texts that are cut outside the columns in
// which they may be, and columns under the edge of the table.
const brokenCells = `(() => {
	const table = document.querySelector(".table.dense"), wrong = [];
	if (table.scrollWidth > table.clientWidth) wrong.push("the table is wider than the window: " + table.scrollWidth + " > " + table.clientWidth);
	for (const cell of table.querySelectorAll("th, td")) {
		const value = cell.querySelector(".value") ?? cell, name = cell.dataset.label ?? cell.textContent.trim();
		if (cell.tagName === "TD" && cell.offsetHeight > 34) wrong.push(name + " is " + cell.offsetHeight + " px high");
		if (value.scrollWidth > value.clientWidth + 1 && !cell.classList.contains("cut")) wrong.push(name + " is cut");
	}
	return [...new Set(wrong)];
})()`

// TestMonitorInChromium: with 300 sessions the monitor shows 20 rows, no column is hidden and no word is broken. A refresh sends only what
// changed and keeps the scroll and the focus, and ending a session keeps the place in the table. There is one refresh at a time.
func TestMonitorInChromium(t *testing.T) {
	g := startGateway(t)
	admin := g.administrator()
	admin.user(map[string]any{"login": "ivanov"})
	admin.must("PUT", "/agent_backend/wireguard/state", map[string]any{"enabled": true}, nil)
	admin.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"grace_seconds": 600, "local_networks": []string{"127.0.0.0/8"}, "browser_sign_in_networks": []string{"127.0.0.0/8"}, "devices_per_user": 100}, nil)
	g.withSessions()
	b := g.chromium(t)
	b.logsIn("boss", adminPassword)
	b.sees("nav", "Учётные записи")
	b.open("/admin/monitor/sessions")
	b.sees("h1", "300 сессий")
	if wrong := evaluate[[]string](b, brokenCells); len(wrong) > 0 {
		t.Errorf("%q", wrong)
	}
	rows := evaluate[int](b, `(() => {
		const table = document.querySelector("#sessions-table").getBoundingClientRect();
		return [...document.querySelectorAll("tbody tr")].filter((row) => row.getBoundingClientRect().bottom <= Math.min(innerHeight, table.bottom)).length;
	})()`)
	if rows < 20 {
		t.Errorf("%d rows are in the window", rows)
	}
	if below := evaluate[float64](b, "document.documentElement.scrollHeight - innerHeight"); below > 0 {
		t.Errorf("the page is %v px higher than the window", below)
	}
	b.pictures("monitor-300")
	b.do("a phone", chromedp.EmulateViewport(390, 900))
	if high := evaluate[float64](b, `Math.max(...[...document.querySelectorAll("tbody tr")].map((row) => row.offsetHeight))`); high > 140 {
		t.Errorf("on a phone a card is %v px high", high)
	}
	b.do("the wide window", chromedp.EmulateViewport(1280, 900))

	// The fortieth row has the focus and is in view. A refresh changes neither.
	place := `JSON.stringify([document.activeElement.id, document.querySelector("#sessions-table").scrollTop])`
	before := evaluate[string](b, `document.querySelector("tbody tr:nth-child(40) button").focus(), `+place)
	if bytes := evaluate[float64](b, nextRefresh); bytes > 4000 {
		t.Errorf("a refresh without changes but the times has %v characters", bytes)
	}
	if after := evaluate[string](b, place); after != before {
		t.Errorf("%s became %s", before, after)
	}

	// Ending it keeps the filter, the order, the page and the scroll. The row beside it has the focus.
	b.open("/admin/monitor/sessions?q=user&kind=web&sort=-rx&page=2")
	b.sees("[data-live-found]", "Найдено: 270")
	before = evaluate[string](b, `document.querySelector("tbody tr:nth-child(40) button").focus(), document.querySelector("tbody tr:nth-child(41) a").id`)
	scrolled := evaluate[float64](b, `document.querySelector("#sessions-table").scrollTop`)
	b.do("press Enter", chromedp.KeyEvent("\r"))
	b.sees("[data-live-found]", "Найдено: 269")
	b.sees(".toast", "Сессия завершена")
	is := evaluate[string](b, `document.activeElement.id`)
	if at := evaluate[float64](b, `document.querySelector("#sessions-table").scrollTop`); is != before || math.Abs(at-scrolled) > 40 || scrolled == 0 {
		t.Errorf("the focus is on %q, want %q; scrolled to %v, want %v", is, before, at, scrolled)
	}
	if at := evaluate[string](b, `location.search`); at != "?kind=web&page=2&q=user&sort=-rx" {
		t.Errorf("back at %s", at)
	}

	// A column that is hidden stays hidden, also in the rows that come later.
	b.click(".chooser summary")
	b.click("#sessions-device")
	b.click(".chooser button")
	b.holds("the column is hidden", `document.querySelector("th.col-kind") !== null && !document.querySelector("th.col-device")`)
	if n := evaluate[int](b, `document.querySelectorAll(".col-device").length`); n != 0 {
		t.Errorf("%d cells of a hidden column", n)
	}
	if at := evaluate[string](b, `location.search`); at != "?kind=web&page=2&q=user&sort=-rx" {
		t.Errorf("the choice of columns led to %s", at)
	}

	// A page that is shown again while a request is under way sends no second one.
	b.becomes(`document.readyState === "complete"`)
	if asked := evaluate[int](b, `(() => {
		let asked = 0;
		window.fetch = () => { asked++; return new Promise(() => {}); };
		for (let i = 0; i < 3; i++) document.dispatchEvent(new Event("visibilitychange"));
		return asked;
	})()`); asked > 1 {
		t.Errorf("%d requests at once", asked)
	}
}
