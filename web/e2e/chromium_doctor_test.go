//go:build browser

package e2e

import (
	"testing"
)

// TestDoctorInChromium: the page of the checks says what is wrong and leads to the cure, and a group in which all is well is closed.
func TestDoctorInChromium(t *testing.T) {
	g := startGateway(t)
	b := g.chromium(t)
	b.setsUp(g)

	b.open("/admin/system/doctor")
	b.sees(".tabs [aria-current=page]", "Проверка")
	b.sees("main .button.primary", "Проверить")
	b.pictures("doctor-new")
	b.click("main .button.primary")
	b.sees("#checks", "не проверено:")
	b.sees(`[data-group=gateway][open] [data-check=agent_off]`, "Ideco агент выключен")
	b.sees(`[data-group=ports]:not([open]) summary`, "в порядке")
	b.pictures("doctor")
	b.click(`[data-group=ports] summary`)
	b.sees(`[data-group=ports] [data-check=port]`, "шлюз отвечает")
	b.click(`[data-check=agent_off] a`)
	b.sees("h1", "Ideco-agent")
}
