//go:build browser

package e2e

import (
	"testing"

	"ideco-agent/templates/guide"
)

// TestGuideInChromium: the "?" of a page shows its short help and links to the manual, and no page of the manuals is wider than
// the window.
func TestGuideInChromium(t *testing.T) {
	g := startGateway(t)
	g.administrator()
	b := g.chromium(t)

	b.logsIn("boss", adminPassword)
	b.sees("h1", "Обзор")
	b.open("/admin/agent")
	b.sees("main", "Ideco агент управляет доступом")
	b.click("details[data-popover] summary")
	b.sees("details[data-popover]", "Включите переключатель, введите адрес шлюза и сохраните")
	b.pictures("guide-popover")
	b.click("details[data-popover] p:last-child a")
	b.sees("main", "Первые шаги")
	b.sees("main", "Что из чего состоит") // a heading further down: the whole manual is there

	b.open("/admin/monitor/sessions")
	b.click("details[data-popover] summary")
	b.sees("details[data-popover]", "кто сейчас подключён")
	for _, name := range guide.Names {
		b.open("/guide/" + name)
		b.pictures("guide-" + name)
	}
	b.click(`form[action="/language"] button`)
	b.sees("main", "What is untried")
}
