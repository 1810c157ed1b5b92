//go:build browser

package e2e

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"ideco-agent/agent/needs"
)

type tab struct {
	t    *testing.T
	g    *gateway
	ctx  context.Context
	shot string // directory for screenshots; empty for none
}

// chromium starts a browser that trusts only the gateway's root. IDECO_SHOTS names a directory for screenshots.
func (g *gateway) chromium(t *testing.T, extra ...chromedp.ExecAllocatorOption) *tab {
	t.Helper()
	needs.Program(t, "chromium", "chromium")
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath("chromium"), chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Headless,
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("lang", "ru"),
		chromedp.Flag("accept-lang", "ru"), // headless Chromium asks for English otherwise
		chromedp.Flag("ignore-certificate-errors-spki-list", g.pin()),
	}
	ctx, stop := chromedp.NewExecAllocator(t.Context(), append(options, extra...)...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &tab{t: t, g: g, ctx: ctx, shot: os.Getenv("IDECO_SHOTS")}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 900)); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v; the page says %q", what, err, b.text("body"))
	}
}

// text returns the visible text of the elements that match the selector.
func (b *tab) text(parts string) string {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](
		fmt.Sprintf(`[...document.querySelectorAll(%q)].map(part => part.innerText).join("\n")`, parts)))
	if err != nil {
		return err.Error()
	}
	return text
}

func (b *tab) open(path string) {
	b.t.Helper()
	if !strings.HasPrefix(path, "https:") {
		path = "https://" + b.g.where.Portal[0] + path
	}
	b.do("open "+path, chromedp.Navigate(path), chromedp.WaitReady(chromedp.CSS("body")))
}

// sees waits until an element that matches the selector shows the text, across navigations.
func (b *tab) sees(parts, text string) {
	b.t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(b.text(parts), text) {
		select {
		case <-tick.C:
		case <-deadline:
			b.t.Fatalf("the page never said %q in %s but %q", text, parts, b.text("body"))
		}
	}
}

func (b *tab) types(name, text string) {
	b.t.Helper()
	field := chromedp.CSS(fmt.Sprintf("[name=%q]", name))
	b.do("type into "+name, chromedp.WaitVisible(field), chromedp.Evaluate[chromedp.Void](fmt.Sprintf("document.querySelector(%q).value = ''", field)), chromedp.SendKeys(field, text))
}

func (b *tab) click(selector string) {
	b.t.Helper()
	b.do("click "+selector, chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.Click(chromedp.CSS(selector)))
}

// setsUp makes the administrator boss of a new gateway.
func (b *tab) setsUp(g *gateway) {
	b.t.Helper()
	b.open(g.setupLink())
	b.types("login", "boss")
	b.types("psw", adminPassword)
	b.types("psw2", adminPassword)
	b.click("main form button[type=submit]")
	b.sees("h1", "Обзор")
}

// logsIn sends the sign-in form. The caller waits for the page that comes next.
func (b *tab) logsIn(login, password string) {
	b.t.Helper()
	b.open("/login")
	b.types("login", login)
	b.types("password", password)
	b.click("main form button[type=submit]")
}

// logsOut waits for the sign-in page: until it is there, a field of the old page with the same name would be filled in.
func (b *tab) logsOut() {
	b.t.Helper()
	b.click(`form[action="/logout"] button`)
	b.sees("h1", "Вход")
}

// pictures takes screenshots at both widths in both themes. It fails the test if the page is wider than the window.
func (b *tab) pictures(name string) {
	b.t.Helper()
	for _, theme := range []string{"light", "dark"} {
		for _, width := range []int64{1280, 390} {
			b.do("picture", chromedp.EmulateViewport(width, 900), chromedp.Evaluate[chromedp.Void](
				fmt.Sprintf("document.documentElement.dataset.theme = %q", theme)))
			ctx, cancel := context.WithTimeout(b.ctx, patience)
			over, err := chromedp.Run(ctx, chromedp.Evaluate[float64]("document.documentElement.scrollWidth - innerWidth"))
			if err != nil || over > 0 {
				b.t.Errorf("%s at %d is %v px too wide, %v", name, width, over, err)
			}
			if b.shot != "" {
				png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
				if err != nil {
					b.t.Fatal(err)
				}
				file := filepath.Join(b.shot, fmt.Sprintf("%s-%s-%d.png", name, theme, width))
				if err := os.WriteFile(file, png, 0o644); err != nil {
					b.t.Fatal(err)
				}
			}
			cancel()
		}
	}
	b.do("back to the wide window", chromedp.EmulateViewport(1280, 900))
}

// TestSecondClickInChromium: a second click on a button does not send the form again. For the first administrator it would be
// answered with 404, because the link works once. After the page was left, and the browser went back to it, the button works
// again.
func TestSecondClickInChromium(t *testing.T) {
	g := startGateway(t)
	b := g.chromium(t)
	twice := func(button string) {
		b.t.Helper()
		b.do("click twice", chromedp.WaitVisible(chromedp.CSS(button)), chromedp.Evaluate[chromedp.Void](
			fmt.Sprintf("{ const button = document.querySelector(%q); button.click(); setTimeout(() => button.click(), 100); }", button)))
	}
	b.open(g.setupLink())
	b.types("login", "boss")
	b.types("psw", adminPassword)
	b.types("psw2", adminPassword)
	twice("main form button[type=submit]")
	b.sees("h1", "Обзор")
	b.open("/admin/agent")
	b.sees(".lead", "Ideco агент управляет доступом")
	b.types("auth_domain", "gw company")
	twice(`form[action="/admin/agent/domain"] button.primary`)
	b.sees("#auth_domain-note", "В адресе не может быть пробелов")
	b.do("go back", chromedp.NavigateBack())
	b.types("auth_domain", "gw.company.ru")
	b.click(`form[action="/admin/agent/domain"] button.primary`)
	b.sees(".toast", "Изменения сохранены")
}

// TestInChromium uses the pages with mouse and keyboard, under the real Content-Security-Policy.
func TestInChromium(t *testing.T) {
	g := startGateway(t)
	b := g.chromium(t)

	b.open(g.setupLink())
	b.sees("h1", "Создайте первого администратора")
	b.pictures("setup")
	b.types("login", "boss")
	b.types("name", "Анна Петрова")
	b.types("psw", adminPassword)
	b.types("psw2", adminPassword)
	b.click("main form button[type=submit]")
	b.sees("h1", "Обзор")
	b.open("/admin/agent")
	b.sees(".lead", "Ideco агент управляет доступом")
	b.click("button[role=switch]")
	b.sees(".toast", "Ideco агент включён") // the toast
	b.types("auth_domain", "gw company")
	b.click(`form[action="/admin/agent/domain"] button.primary`)
	b.sees("#auth_domain-note", "В адресе не может быть пробелов")
	b.pictures("agent-refused")
	b.types("auth_domain", "шлюз.рф")
	b.click(`form[action="/admin/agent/domain"] button.primary`)
	b.sees(".toast", "Изменения сохранены")
	b.sees(".installer .note", "xn--g1ah2bza.xn--p1ai")
	b.types("auth_domain", "gateway-of-the-very-long-department-name.company.example")
	b.click(`form[action="/admin/agent/domain"] button.primary`)
	b.sees(".question", "прежний не действует для gateway-of-the-very-long-department-name.company.example")
	b.pictures("domain-question")
	b.click(".question button.danger")
	b.sees(".things", "шлюз.рф")
	b.types("auth_domain", "шлюз.рф")
	b.click(`form[action="/admin/agent/domain"] button.primary`)
	b.click(".question button.danger")
	b.sees(".things", "gateway-of-the-very-long-department-name.company.example")
	b.open("/admin/agent")
	b.pictures("agent")
	for _, tab := range []string{"rollout", "access", "vpn"} {
		b.open("/admin/agent/" + tab)
		b.pictures("agent-" + tab)
	}
	b.open("/admin/agent")
	b.click(`form[action="/admin/agent/domain/forget"] button`)
	b.sees(".question h1", "Удалить прежний адрес gateway-of-the-very-long-department-name.company.example?")
	b.pictures("domain-forget")
	b.click(".question button.danger")
	b.sees(".toast", "Изменения сохранены")

	b.open("/admin/gateway")
	b.sees("#state", "он запущен с ключом --firewall off")
	b.pictures("gateway-new")
	g.rest("boss", adminPassword).must("PUT", "/agent_backend/wireguard/setting",
		map[string]any{"lan_interfaces": []string{"lan0"}, "wan_interfaces": []string{"wan0"}}, nil)
	b.open("/admin/gateway")
	b.types("open_before_login", "10.0.0.53 работа")
	b.click(`form[action="/admin/gateway"] button.primary`)
	b.sees("#open_before_login-note", "«работа» не похоже на IP-адрес")
	b.pictures("gateway-refused")
	b.types("open_before_login", "10.0.0.53:0")
	b.click(`form[action="/admin/gateway"] button.primary`)
	b.sees("#open_before_login-note", "«10.0.0.53:0»: порт — это число от 1 до 65535")
	b.types("open_before_login", "10.0.0.53 [2001:db8::53]:53 192.0.2.53")
	b.types("firewall_timeout_seconds", "12,5")
	b.click(`form[action="/admin/gateway"] button.primary`)
	b.sees("#firewall_timeout_seconds-note", "Введите целое число секунд: от 10 до 600")
	b.pictures("gateway-refused-time")
	b.types("firewall_timeout_seconds", "90")
	b.click(`button[formaction^="/admin/gateway/preview"]`)
	b.sees("#preview pre", "table inet ideco_agent")
	b.pictures("gateway-rules")
	b.click(`form[action="/admin/gateway"] button.primary`)
	b.sees(".trial", "Подтвердите настройки, иначе вернутся прежние")
	b.pictures("gateway-trial")
	b.click(`form[action="/admin/gateway/keep"] button`)
	b.sees(".toast", "Настройки подтверждены")
	b.sees("#open_before_login-wide", "укажите их с портом: 10.0.0.53:53 192.0.2.53:53")

	b.open("/admin/users/new")
	b.types("login", "ivanov")
	b.types("name", "Иванов Иван")
	b.click("[data-generate]")
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	generated, err := chromedp.Run(ctx, chromedp.Value(chromedp.CSS("[name=psw]")))
	if err != nil || len(generated) < 12 {
		t.Fatalf("generated password %q, %v", generated, err)
	}
	b.click("#remote_access_1")
	b.pictures("user-new")
	b.click("[name=must_change]")
	b.click("main form button.primary")
	b.sees(".toast", "Учётная запись создана")
	b.pictures("users")
	b.open("/admin/monitor/sessions")
	b.sees(".empty", "Сейчас никто не подключён")
	b.pictures("monitor-empty")

	// The monitor refreshes itself: it shows a new session and drops one that has ended.
	agent := g.agent("ivanov", generated, "laptop")
	agent.waits("authorized")
	b.sees("tbody tr", "Иванов Иван")
	b.pictures("monitor")
	b.open("/admin/agent")
	b.click("button[role=switch]")
	b.sees(".question", "1 сессия завершится сразу")
	b.pictures("confirm")
	b.open("/admin/monitor/sessions")
	b.click(`button[formaction^="/admin/monitor/sessions/"]`)
	b.sees(".toast", "Сессия завершена")
	agent.exits(5)
	b.open("/admin/monitor/vpn")
	b.sees("h1", "(право на VPN у 1 человека)")
	b.pictures("vpn")

	// The English page has no Russian text but typed names.
	b.click(`form[action="/language"] button`)
	b.sees("nav", "VPN users")
	for _, path := range []string{"/admin/overview", "/admin/agent", "/admin/agent/rollout", "/admin/agent/access", "/admin/agent/vpn", "/admin/users", "/admin/users/2", "/admin/users/new", "/admin/users/import", "/admin/monitor/sessions", "/admin/monitor/vpn", "/admin/gateway", "/cabinet"} {
		b.open(path)
		text := strings.NewReplacer("Анна Петрова", "", "Иванов Иван", "", "шлюз.рф", "").Replace(b.text("body"))
		if i := strings.IndexFunc(text, func(r rune) bool { return r >= 'А' && r <= 'я' }); i >= 0 {
			t.Errorf("%s in English says %q", path, text[i:min(len(text), i+60)])
		}
	}
	b.pictures("cabinet-administrator-en")
	b.click(`form[action="/language"] button`)
	b.sees("[aria-labelledby=password-title]", "Смена пароля")
	b.logsOut()
	b.sees(".lead", "Войдите, чтобы скачать")
	b.pictures("login")

	b.types("login", "ivanov")
	b.types("password", "не тот")
	b.click("main form button[type=submit]")
	b.sees(".banner.bad", "Неверный логин или пароль")
	b.types("password", generated)
	b.click("main form button[type=submit]")
	b.sees("[aria-labelledby=agent-title]", "Скачать Ideco VPN клиент для Windows")
	second := g.agent("ivanov", generated, "laptop")
	second.waits("authorized")
	b.open("/cabinet")
	b.sees("[aria-labelledby=sessions-title] li", "127.0.0.1")
	b.pictures("cabinet")
	b.click(`form[action^="/cabinet/sessions/"] button`)
	b.sees(".toast", "Сессия завершена")
	second.exits(5)
	b.open("/admin/users")
	b.sees("h1", "Нет доступа")
	b.pictures("forbidden")

	at := url.URL{Scheme: "http", Host: g.where.HTTP[0], Path: "/"}
	b.do("open port 80", chromedp.Navigate(at.String()))
	b.sees("h1", "Запустите Ideco агент")
	b.pictures("welcome")
}

// TestVPNInChromium: the administrator sees a VPN session, and its user the gateway's page inside the tunnel.
func TestVPNInChromium(t *testing.T) {
	g, admin, _ := outsideGateway(t, "--tunnel", "netstack", "--wireguard-port", "0")
	socks := freeAddress(t)
	agent := g.agent("remote", userPassword, "laptop", "--tunnel", "netstack", "--socks", socks)
	agent.waits("tunnel")
	seesInside(t, socks)
	admin.waitSessions("traffic is counted", func(s []session) bool { return len(s) == 1 && s[0].Rx != nil && *s[0].Rx > 0 })

	// Chromium does not use the proxy for loopback; the tunnel's address is not loopback.
	person := g.chromium(t, chromedp.ProxyServer("socks5://"+socks))
	person.do("open the page inside", chromedp.Navigate(insidePage))
	person.sees("h1", "Вы подключены")
	person.pictures("connected")

	b := g.chromium(t)
	b.logsIn("boss", adminPassword)
	b.sees("nav", "Учётные записи")
	b.open("/admin/agent")
	b.sees("#state", "только страница самого шлюза") // netstack
	b.open("/admin/agent/vpn")
	b.click("#forward_chosen")
	b.types("dns", "10.0.0.53 ::1")
	b.click(`form[action="/admin/agent/vpn"] button.button`)
	b.sees("#forward_nets-note", "Заполните это поле")
	b.pictures("agent-vpn-refused")
	b.types("forward_nets", "192.168.0.0/16")
	b.types("dns", "10.0.0.53")
	b.types("dns_suffix", "company.local")
	b.click(`form[action="/admin/agent/vpn"] button.button`)
	b.sees(".toast", "Изменения сохранены")
	b.open("/admin/monitor/sessions")
	b.sees("td.col-kind", "VPN")
	b.pictures("monitor-vpn-session")
	b.open("/admin/monitor/vpn")
	b.sees("h1", "1 активное подключение (право на VPN у 1 человека)")
	if wrong := evaluate[[]string](b, brokenCells); len(wrong) > 0 {
		t.Errorf("%q", wrong)
	}
	b.pictures("vpn-session")
	b.click(`button[formaction^="/admin/monitor/vpn/"]`)
	b.sees(".question", "подключиться извне сети не сможет")
	b.click("main form button[type=submit]")
	b.sees(".toast", "Доступ через VPN запрещён")
	if e := agent.waits("ended"); e.Code != "disabled" {
		t.Errorf("the right was taken away: %+v", e)
	}
	agent.exits(5)
}
