//go:build wine

package e2e

import (
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

const (
	windowTitle = "Айдеко Агент"
	textReady   = "Шлюз на связи. Введите логин и пароль."
	textWrong   = "Неверный логин или пароль"
	textAccess  = "Вы подключены, доступ открыт."
	textOut     = "Вы вышли. Доступ закрыт."
	textEnded   = "Администратор завершил вашу сессию."
	buttonIn    = "Авторизоваться"
	buttonOut   = "Разавторизоваться"

	trayX, trayY = "890", "690" // where Wine's task bar has the icon
	menuClass    = "#32768"     // the window class of menus

	typedPassword = "right-horse-7" // can be typed on an X11 keyboard
)

// TestWineWindow uses the installed program by keyboard, with the service and a gateway.
func TestWineWindow(t *testing.T) {
	base := newPrefix(t)
	for _, c := range []struct{ windows, toolchain string }{
		{"win8", "go1.20.14"}, {"win81", "go1.20.14"}, {"win10", runtime.Version()},
	} {
		t.Run(c.windows, func(t *testing.T) {
			g, p := startInstallerGateway(t), base.copyAs(t, c.windows)
			if c.windows == "win10" {
				p.addProcessPrng()
			}
			g.admin.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"local_networks": []string{lanWithAgent}}, nil)
			g.admin.user(map[string]any{"login": "ivanov", "name": "Иван Иванов", "psw": typedPassword})
			d := p.desktop()
			p.msiexec("/i", g.presetMSI, "utm_address="+g.where.Agents[0], "utm_pin="+g.pin())
			p.checkProgram(c.toolchain)
			p.serviceRuns()
			d.starts("the window", anyWindow, installedProgram, "--lang", "ru")
			d.logsInByKeys(g)
			d.isEnded(g)
			d.comesBack(g)
			d.isOne()
			d.exits(g)
			p.msiexec("/x", g.presetMSI)
			p.checkClean()
		})
	}
	t.Run("upgrade", func(t *testing.T) { base.copyAs(t, "win8").upgrades(t) })
}

func anyWindow(control) bool { return true }

// serviceRuns fails the test unless the service is installed and running.
func (p *winePrefix) serviceRuns() {
	p.t.Helper()
	if said := p.must("sc", "query", "IdecoAgent"); !strings.Contains(said, "RUNNING") {
		p.t.Errorf("sc query: %s", said)
	}
}

// says waits until the window shows a text and a button that can be pressed.
func (d *desktop) says(text, button string) control {
	d.t.Helper()
	return d.sees(windowTitle, text, func(w control) bool {
		b, ok := w.find(button)
		return ok && b.Enabled && w.says(text)
	})
}

// logsInByKeys: the window checks the gateway before it asks for a password. A wrong password, the right one, and logout. The
// focus is on the button after login, and on the password field after logout.
func (d *desktop) logsInByKeys(g *installerGateway) {
	d.t.Helper()
	w := d.says(textReady, buttonIn)
	if len(w.Controls) == 0 || !w.says(g.where.Agents[0]) {
		d.t.Errorf("the window does not name the gateway: %+v", w)
	}
	d.types("ivanov")
	d.press("Tab")
	d.types("wrong")
	d.press("Return")
	d.says(textWrong, buttonIn)
	d.types(typedPassword)      // the field is empty and has the focus
	d.press("Return", "Return") // the second one must not undo the first
	w = d.hasKeys("the button on the card", func(w control) control { return w.button(buttonOut) })
	for _, gone := range []string{"Логин", "Пароль", buttonIn} {
		if w.says(gone) {
			d.t.Errorf("the card still has %q: %+v", gone, w)
		}
	}
	if !w.says(textAccess) || !w.says("Вы вошли как ivanov из локальной сети") || !w.says(g.where.Agents[0]) {
		d.t.Errorf("the card: %+v", w)
	}
	list := g.admin.waitSessions("the window's session", func(s []session) bool { return len(s) == 1 && s[0].State == "connected" })
	if list[0].Login != "ivanov" || list[0].Kind != "lan" {
		d.t.Errorf("monitor: %+v", list)
	}
	d.press("space")
	d.says(textOut, buttonIn)
	d.hasKeys("the password on the form", passwordField)
	g.admin.waitSessions("it is over", func(s []session) bool { return len(s) == 0 })
}

// logsInAgain types the password for the remembered login.
func (d *desktop) logsInAgain(g *installerGateway) session {
	d.t.Helper()
	d.goesTo("the password", passwordField)
	d.types(typedPassword)
	d.press("Return")
	d.says(textAccess, buttonOut)
	return g.admin.waitSessions("the session", func(s []session) bool { return len(s) == 1 && s[0].State == "connected" })[0]
}

func (d *desktop) presses(button string) {
	d.t.Helper()
	d.goesTo(button, func(w control) control { return w.button(button) })
	d.press("space")
}

// hasKeys waits until a control has the focus.
func (d *desktop) hasKeys(what string, pick func(control) control) control {
	d.t.Helper()
	return d.sees(windowTitle, "the keyboard is at "+what, func(w control) bool { return pick(w).Focused && pick(w).Visible })
}

// goesTo moves the focus to a control by the Tab key.
func (d *desktop) goesTo(what string, pick func(control) control) {
	d.t.Helper()
	d.sees(windowTitle, "go to "+what, func(w control) bool {
		if pick(w).Focused {
			return true
		}
		d.press("Tab")
		return false
	})
}

// passwordField returns the window's second input field.
func passwordField(w control) control {
	n := 0
	for _, c := range w.Controls {
		if c.Class == "Edit" {
			if n++; n == 2 {
				return c
			}
		}
	}
	return control{}
}

// isEnded: when the administrator ends the session, the window says so.
func (d *desktop) isEnded(g *installerGateway) {
	d.t.Helper()
	s := d.logsInAgain(g)
	g.admin.must("DELETE", "/monitor_backend/auth_sessions/"+s.ID, nil, nil)
	d.says(textEnded, buttonIn)
}

// comesBack: the gateway dies and starts again.
func (d *desktop) comesBack(g *installerGateway) {
	d.t.Helper()
	d.logsInAgain(g)
	g.kill(syscall.SIGKILL)
	d.sees(windowTitle, "no access while the gateway is gone", func(w control) bool { return !w.says(textAccess) })
	g.startAgain()
	g.admin = g.rest("boss", adminPassword)
	d.says(textAccess, buttonOut)
	g.admin.waitSessions("the session is back", func(s []session) bool { return len(s) == 1 && s[0].State == "connected" })
}

// isOne: the window hides, and a second start shows it again instead of opening another one.
func (d *desktop) isOne() {
	d.t.Helper()
	d.press("Escape")
	d.until("the window hides", func() bool { return d.shown() == 0 })
	d.starts("the window is back", func(w control) bool { return w.says(textAccess) }, installedProgram)
	if n := d.shown(); n != 1 {
		d.t.Errorf("%d windows", n)
	}
}

// exits exits by the menu of the tray icon, with a confirmation, and access ends.
func (d *desktop) exits(g *installerGateway) {
	d.t.Helper()
	d.x("xdotool", "mousemove", trayX, trayY, "click", "3")
	d.sees("", "the menu of the icon", func(w control) bool { return w.Class == menuClass })
	d.press("Up", "Return") // the last item
	d.sees("Выход", "the question before the exit", func(w control) bool {
		_, yes := w.find("Да")
		_, sure := w.find("&Yes")
		return (yes || sure) && w.says("доступ закроется")
	})
	d.press("Return")
	g.admin.waitSessions("access ends with the program", func(s []session) bool { return len(s) == 0 })
	d.until("the window is gone", func() bool { return len(d.look(windowTitle)) == 0 })
}

// shown returns the number of visible windows of the program.
func (d *desktop) shown() (n int) {
	for _, w := range d.look(windowTitle) {
		if w.Visible {
			n++
		}
	}
	return n
}

// TestWinePortable starts the program without installation and rights, as a logon script does. In the LAN it gets access;
// outside it says what VPN needs.
func TestWinePortable(t *testing.T) {
	g, p := startInstallerGateway(t), newPrefix(t)
	p.must("winecfg", "/v", "win8")
	local := func(network string) {
		g.admin.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"local_networks": []string{network}}, nil)
	}
	local(lanWithAgent)
	g.admin.user(map[string]any{"login": "ivanov", "name": "Иван Иванов", "psw": typedPassword, "remote_access": true})
	d := p.desktop()
	program, err := filepath.Abs(filepath.FromSlash("../../build/IdecoAgent-win8.exe"))
	if err != nil {
		t.Fatal(err)
	}
	d.starts("the window", anyWindow, windowsPath(program), "utm_address="+g.where.Agents[0], "UTM_PIN="+g.pin(), "--lang", "ru")
	d.says(textReady, buttonIn)
	d.types("ivanov")
	d.press("Tab")
	d.types(typedPassword)
	d.press("Return")
	d.says(textAccess, buttonOut)
	g.admin.waitSessions("the session", func(s []session) bool { return len(s) == 1 && s[0].Kind == "lan" })
	local(lanWithoutAgent)
	d.says("Отсюда доступ возможен только через VPN, а для VPN программа должна быть установлена", buttonIn)
	g.admin.waitSessions("nothing is left", func(s []session) bool { return len(s) == 0 })
	if list := p.mentions("Ideco", "Айдеко"); len(list) != 0 {
		t.Errorf("in the registry of the machine: %q", list)
	}
}
