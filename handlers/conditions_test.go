package handlers

import (
	"cmp"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"ideco-agent/agent"
	"ideco-agent/agent/store"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

const inState = "#state .conditions"

type (
	workingTunnel  struct{ lacks agent.TunnelLack }
	readyInstaller struct{ noInstaller }
)

func (workingTunnel) Available() bool           { return true }
func (t workingTunnel) Forwards() bool          { return t.lacks == agent.TunnelLacksNothing }
func (t workingTunnel) Lacks() agent.TunnelLack { return t.lacks }
func (readyInstaller) Ready() error             { return nil }

// newWorking is newAdministration for a gateway without any condition.
func newWorking(t *testing.T) (administration, *agent.Settings) {
	a := newAdministration(t)
	a.site.Tunnel, a.site.Installer = workingTunnel{}, readyInstaller{}
	a.gate.state = agent.GatewayState{Enforcement: agent.EnforcementOn, Forwarding4: true}
	now := &a.site.Settings.(*fixedSettings).now
	now.Domain, now.NetworksSeen = "gw.example.test", true
	now.LANInterfaces, now.WANInterfaces = []string{"lan0"}, []string{"wan0"}
	now.OpenBeforeLogin = []agent.OpenServer{{Addr: netip.MustParseAddr("192.0.2.53"), Port: 53}}
	return a, now
}

func (a administration) conditions(path string) *goquery.Document {
	a.t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(a.get(path)))
	if err != nil {
		a.t.Fatal(err)
	}
	return doc
}

// TestConditions: each fact gives its condition and no other one. The page shows its text with the acts that cure it, and every link
// leads to something that the page has.
func TestConditions(t *testing.T) {
	v6 := netip.MustParsePrefix("2001:db8::1/64")
	soon := time.Now().Add(time.Hour)
	directory := func(a administration, d agent.DirectorySettings, status agent.DirectoryStatus) {
		d.ID, d.Name = 7, cmp.Or(d.Name, "company.local")
		fake := a.site.Directories.(*fakeDirectories)
		fake.saved, fake.status[7] = []agent.DirectorySettings{d}, status
	}
	enforcement := func(e agent.Enforcement) func(administration, *agent.Settings) {
		return func(a administration, _ *agent.Settings) { a.gate.state.Enforcement = e }
	}
	seen := map[agent.ConditionCode]bool{}
	for _, c := range []struct {
		code     agent.ConditionCode
		severity agent.Severity
		says     string
		fact     func(a administration, now *agent.Settings)
		also     agent.ConditionCode // a further condition of the same fact
	}{
		{agent.ConditionStore, agent.SeverityBad, "На диске с данными шлюза нет места.", func(a administration, _ *agent.Settings) {
			a.site.Storing = func() agent.StoreTrouble { return agent.StoreNoSpace }
		}, ""},
		{agent.ConditionAgentOff, agent.SeverityBad, "только устройства, которым доступ даёт правило", func(_ administration, now *agent.Settings) { now.Enabled = false }, ""},
		{agent.ConditionAgentOff, agent.SeverityBad, "войти через него и скачать его нельзя", func(a administration, now *agent.Settings) {
			now.Enabled, a.gate.state.Enforcement = false, agent.EnforcementBehind
		}, agent.ConditionEnforcement},
		{agent.ConditionDomain, agent.SeverityWarn, "Адрес шлюза не сохранён", func(_ administration, now *agent.Settings) { now.Domain = "" }, ""},
		{agent.ConditionInterfaces, agent.SeverityBad, "интерфейсы не выбраны", func(a administration, now *agent.Settings) {
			a.gate.state.Enforcement, now.LANInterfaces, now.WANInterfaces = agent.EnforcementIdle, nil, nil
		}, ""},
		{agent.ConditionEnforcement, agent.SeverityWarn, "--firewall off", enforcement(agent.EnforcementSwitchedOff), ""},
		{agent.ConditionEnforcement, agent.SeverityBad, "CAP_NET_ADMIN", enforcement(agent.EnforcementNoRights), ""},
		{agent.ConditionEnforcement, agent.SeverityBad, "apt install nftables", enforcement(agent.EnforcementNoProgram), ""},
		{agent.ConditionEnforcement, agent.SeverityBad, "nf_tables", enforcement(agent.EnforcementNoKernel), ""},
		{agent.ConditionEnforcement, agent.SeverityBad, "не запустился", enforcement(agent.EnforcementUnavailable), ""},
		{agent.ConditionEnforcement, agent.SeverityBad, "inet filter ft (flowtable)", func(a administration, _ *agent.Settings) {
			a.gate.state.Enforcement, a.gate.state.Flowtable = agent.EnforcementFlowtable, "inet filter ft"
		}, ""},
		{agent.ConditionEnforcement, agent.SeverityWarn, "действует то, что было раньше", enforcement(agent.EnforcementBehind), ""},
		{agent.ConditionForwarding, agent.SeverityBad, "Пересылка пакетов выключена:", func(a administration, _ *agent.Settings) { a.gate.state.Forwarding4 = false }, ""},
		{agent.ConditionForwarding, agent.SeverityBad, "Пересылка пакетов выключена:", func(a administration, _ *agent.Settings) {
			a.gate.more, a.gate.state.Forwarding4 = []agent.Interface{{Name: "lan1", Addrs: []netip.Prefix{v6}}}, false
		}, ""},
		{agent.ConditionForwarding, agent.SeverityBad, "выключена для IPv4", func(a administration, _ *agent.Settings) {
			a.gate.more = []agent.Interface{{Name: "lan1", Addrs: []netip.Prefix{v6}}}
			a.gate.state.Forwarding4, a.gate.state.Forwarding6 = false, true
		}, ""},
		{agent.ConditionForwarding, agent.SeverityWarn, "выключена для IPv6", func(a administration, _ *agent.Settings) {
			a.gate.more = []agent.Interface{{Name: "lan1", Addrs: []netip.Prefix{v6}}}
		}, ""},
		{agent.ConditionDNS, agent.SeverityBad, "по имени шлюз.рф, а серверы DNS до входа закрыты", func(a administration, now *agent.Settings) {
			now.Domain, now.OpenBeforeLogin = "xn--g1ah2bza.xn--p1ai", nil
			a.gate.nameServers = []netip.Addr{netip.MustParseAddr("192.0.2.53")}
		}, ""},
		{agent.ConditionGone, agent.SeverityBad, "Выбранных интерфейсов сейчас нет: lan0.", func(a administration, _ *agent.Settings) { a.gate.renamed = true }, ""},
		{agent.ConditionDown, agent.SeverityBad, "никто не пройдёт: интерфейсы wan0 отключены", func(a administration, _ *agent.Settings) { a.gate.unplugged = true }, ""},
		{agent.ConditionDown, agent.SeverityWarn, "Интерфейсы wan1 отключены, или в них нет кабеля.", func(a administration, now *agent.Settings) {
			a.gate.more = []agent.Interface{{Name: "wan1"}}
			now.WANInterfaces = append(now.WANInterfaces, "wan1")
		}, ""},
		{agent.ConditionReplaced, agent.SeverityBad, "идут под именем другого, который назван в скобках: lan0 (br0).", func(a administration, _ *agent.Settings) {
			a.gate.state.Replaced = []string{"lan0 (br0)"}
		}, ""},
		{agent.ConditionUplinks, agent.SeverityWarn, "ведут и интерфейсы без роли: ppp0.", func(a administration, _ *agent.Settings) {
			a.gate.more = []agent.Interface{{Name: "ppp0", Internet: true}}
		}, ""},
		{agent.ConditionVLANs, agent.SeverityWarn, "а у VLAN на нём есть: lan1.5.", func(a administration, now *agent.Settings) {
			a.gate.more = []agent.Interface{{Name: "lan1", Up: true}, {Name: "lan1.5", VLANOf: "lan1", Addrs: []netip.Prefix{netip.MustParsePrefix("192.168.7.1/24")}}}
			now.LANInterfaces = append(now.LANInterfaces, "lan1")
		}, ""},
		{agent.ConditionNotLocal, agent.SeverityWarn, "не указаны среди локальных: 172.20.0.0/16.", func(a administration, _ *agent.Settings) {
			a.gate.further = []netip.Prefix{netip.MustParsePrefix("172.20.0.1/16")}
		}, ""},
		{agent.ConditionNetworksUnseen, agent.SeverityWarn, "Локальные сети найдены автоматически", func(_ administration, now *agent.Settings) { now.NetworksSeen = false }, ""},
		{agent.ConditionBoot, agent.SeverityWarn, "Правила для загрузки не записаны", func(a administration, _ *agent.Settings) { a.gate.state.Boot = agent.BootNoSpace }, ""},
		{agent.ConditionBoot, agent.SeverityWarn, "Прежние правила для загрузки не удалены", func(a administration, _ *agent.Settings) {
			a.gate.state.Boot, a.gate.state.BootClosed = agent.BootReadOnly, true
		}, ""},
		{agent.ConditionRestored, agent.SeverityWarn, "Правила шлюза кто-то удалил или изменил", func(a administration, _ *agent.Settings) {
			a.gate.state.Restored = time.Now().Add(-restoredFor + time.Hour)
		}, ""},
		{agent.ConditionVPN, agent.SeverityWarn, "Туннель VPN на этом шлюзе сейчас не работает", func(a administration, _ *agent.Settings) { a.site.Tunnel = noTunnel{} }, ""},
		{agent.ConditionVPNLacks, agent.SeverityWarn, "modprobe tun", func(a administration, _ *agent.Settings) { a.site.Tunnel = workingTunnel{agent.TunnelLacksDevice} }, ""},
		{agent.ConditionInstaller, agent.SeverityWarn, "Установщика в этой сборке нет", func(a administration, _ *agent.Settings) { a.site.Installer = noInstaller{} }, ""},
		{agent.ConditionDirectory, agent.SeverityWarn, "Каталог «down.local» не отвечает", func(a administration, _ *agent.Settings) {
			directory(a, agent.DirectorySettings{Name: "down.local"}, agent.DirectoryStatus{Tried: true})
		}, ""},
		{agent.ConditionDirectory, agent.SeverityBad, "Каталог «down.main.local» не отвечает", func(a administration, _ *agent.Settings) {
			directory(a, agent.DirectorySettings{Name: "down.main.local", Default: true}, agent.DirectoryStatus{Tried: true})
		}, ""},
		{agent.ConditionPasswordLost, agent.SeverityWarn, "в каталоге «company.local» не расшифровать", func(a administration, _ *agent.Settings) {
			directory(a, agent.DirectorySettings{PasswordLost: true}, agent.DirectoryStatus{})
		}, ""},
		{agent.ConditionWithheld, agent.SeverityWarn, "Проверка каталога «company.local»", func(a administration, _ *agent.Settings) {
			directory(a, agent.DirectorySettings{}, agent.DirectoryStatus{Tried: true, Reachable: true, Withheld: &agent.WithheldCheck{Sessions: 12, Of: 20}})
		}, ""},
		{agent.ConditionBackup, agent.SeverityWarn, "Резервная копия не сделана", func(a administration, now *agent.Settings) {
			now.Backup.Daily, a.backups().state.Trouble = true, agent.BackupNoSpace
		}, ""},
		{agent.ConditionCertificate, agent.SeverityWarn, "Загруженный сертификат для шлюз.рф действует до", func(a administration, _ *agent.Settings) {
			a.certificates().ending = []agent.CertificateEnd{{Name: "xn--g1ah2bza.xn--p1ai", Source: agent.SourceUploaded, NotAfter: soon, Order: agent.OrderNever}}
		}, ""},
	} {
		t.Run(string(c.code), func(t *testing.T) {
			seen[c.code] = true
			a, now := newWorking(t)
			if n := a.conditions("/admin/gateway").Find("#state.ok, #state .muted, [data-condition]").Length(); n != 2 {
				t.Fatalf("%d marks on a page without conditions", n)
			}
			c.fact(a, now)
			doc := a.conditions("/admin/gateway")
			row := doc.Find(`[data-condition="` + string(c.code) + `"]`)
			if row.Length() != 1 || !strings.Contains(row.Text(), c.says) || !row.HasClass(string(c.severity)) || strings.Contains(row.Text(), "no value") {
				t.Errorf("%s: %q", row.AttrOr("class", "no row"), row.Text())
			}
			doc.Find("[data-condition]").Each(func(_ int, row *goquery.Selection) {
				if code := agent.ConditionCode(row.AttrOr("data-condition", "")); code != c.code && code != c.also {
					t.Errorf("also %s", code)
				}
			})
			if strings.Count(doc.Find("main").Text(), c.says) != 1 {
				t.Error("the page says it twice")
			}
			if row.Find("a, form").Length() == 0 {
				t.Error("no cure")
			}
			a.followCures(row)
		})
	}
	for _, code := range agent.ConditionCodes {
		if !seen[code] {
			t.Errorf("no fact for %s", code)
		}
	}
}

// followCures opens every link of a condition, and looks up where its buttons lead.
func (a administration) followCures(row *goquery.Selection) {
	a.t.Helper()
	row.Find("a").Each(func(_ int, link *goquery.Selection) {
		path, anchor, _ := strings.Cut(link.AttrOr("href", ""), "#")
		if anchor != "" && a.conditions(path).Find("[id="+anchor+"]").Length() == 0 {
			a.t.Errorf("%s has no %q", path, anchor)
		}
		a.get(path)
	})
	row.Find("form").Each(func(_ int, form *goquery.Selection) {
		action := form.AttrOr("action", "")
		if !slices.ContainsFunc(a.site.portalRoutes(), func(r route) bool { return r.method == "POST" && r.path == action }) {
			a.t.Errorf("nothing answers %q", action)
		}
	})
}

// TestRestoredIsShownForADay: another program's change of the rules is shown with the time at which they were put back, and not for ever.
func TestRestoredIsShownForADay(t *testing.T) {
	a, _ := newWorking(t)
	a.gate.state.Restored = time.Now().Add(-restoredFor + time.Hour)
	shown := a.conditions("/admin/gateway").Find("[data-condition=restored]").Text()
	if at := locale.For("ru").Time(a.gate.state.Restored); !strings.Contains(shown, at) {
		t.Errorf("%q does not say %s", shown, at)
	}
	a.gate.state.Restored = time.Now().Add(-restoredFor - time.Minute)
	if n := a.conditions("/admin/gateway").Find("[data-condition]").Length(); n != 0 {
		t.Errorf("%d conditions", n)
	}
}

// TestResolvesBeforeLogin: a domain can be looked up without a session if something makes a DNS server reachable.
func TestResolvesBeforeLogin(t *testing.T) {
	addr := netip.MustParseAddr
	for what, c := range map[string]struct {
		fact func(a administration, now *agent.Settings)
		red  bool
	}{
		"nothing is open": {func(administration, *agent.Settings) {}, true},
		"another port is open": {func(_ administration, now *agent.Settings) {
			now.OpenServers([]agent.OpenServer{{Addr: addr("192.0.2.7"), Port: 443}})
		}, true},
		"port 53 is open": {func(_ administration, now *agent.Settings) {
			now.OpenServers([]agent.OpenServer{{Addr: addr("192.0.2.7"), Port: 53}})
		}, false},
		"a whole server is open": {func(_ administration, now *agent.Settings) {
			now.OpenServers([]agent.OpenServer{{Addr: addr("192.0.2.7")}})
		}, false},
		"the domain is an address":     {func(_ administration, now *agent.Settings) { now.Domain = "192.168.7.1" }, false},
		"the administrator says so":    {func(_ administration, now *agent.Settings) { now.DNSInLAN = true }, false},
		"the gateway asks one outside": {func(a administration, _ *agent.Settings) { a.gate.nameServers = []netip.Addr{addr("192.0.2.7")} }, true},
		"the gateway asks one inside":  {func(a administration, _ *agent.Settings) { a.gate.nameServers = []netip.Addr{addr("192.168.7.5")} }, false},
		"the gateway answers":          {func(a administration, _ *agent.Settings) { a.gate.dnsListeners = []netip.Addr{addr("192.168.7.1")} }, false},
		"it answers everywhere":        {func(a administration, _ *agent.Settings) { a.gate.dnsListeners = []netip.Addr{addr("::")} }, false},
		"it answers elsewhere":         {func(a administration, _ *agent.Settings) { a.gate.dnsListeners = []netip.Addr{addr("192.168.122.1")} }, true},
		"nothing is closed":            {func(a administration, _ *agent.Settings) { a.gate.state.Enforcement = agent.EnforcementNoRights }, false},
	} {
		a, now := newWorking(t)
		now.OpenBeforeLogin = nil
		c.fact(a, now)
		if red := a.conditions("/admin/gateway").Find("[data-condition=dns]").Length() == 1; red != c.red {
			t.Errorf("%s: red %v", what, red)
		}
	}
}

// TestDNSIsProposed: the page of a new gateway proposes its own DNS servers, as far as they are behind it. Nothing is open until the
// administrator saves them.
func TestDNSIsProposed(t *testing.T) {
	a := newAdministration(t)
	for _, text := range []string{"192.0.2.53", "2001:db8::53", "192.168.7.5", "169.254.1.1", "fe80::1%wan0", "fe80::1"} {
		a.gate.nameServers = append(a.gate.nameServers, netip.MustParseAddr(text))
	}
	const want = "192.0.2.53:53 [2001:db8::53]:53"
	page := a.conditions("/admin/gateway")
	if got := page.Find("#open_before_login").Text(); got != want || page.Find("#open_before_login-proposed").Length() != 1 {
		t.Fatalf("proposed %q", got)
	}
	if open := a.site.Settings.Current().OpenBeforeLogin; len(open) != 0 {
		t.Errorf("%v is open", open)
	}
	form := choice(templates.RoleLAN, templates.RoleWAN)
	form.Set("open_before_login", want)
	a.post("/admin/gateway", form)
	page = a.conditions("/admin/gateway")
	if got := page.Find("#open_before_login").Text(); got != want || page.Find("#open_before_login-proposed").Length() != 0 || len(a.site.Settings.Current().OpenBeforeLogin) != 2 {
		t.Errorf("saved %q", got)
	}
	a.post("/admin/gateway/keep", a.trial())
	a.post("/admin/gateway", choice(templates.RoleLAN, templates.RoleWAN))
	if got := a.conditions("/admin/gateway").Find("#open_before_login").Text(); got != "" {
		t.Errorf("proposed %q to somebody who has removed it", got)
	}
}

// TestDNSIsOpenedAtOnce: the button opens the gateway's own DNS servers without a trial. A running trial keeps them however it ends.
func TestDNSIsOpenedAtOnce(t *testing.T) {
	for _, end := range []string{"", "/admin/gateway/keep", "/admin/gateway/return"} {
		a, now := newWorking(t)
		now.OpenBeforeLogin, a.gate.nameServers = nil, []netip.Addr{netip.MustParseAddr("192.0.2.53")}
		if end != "" {
			form := choice(templates.RoleLAN, templates.RoleWAN)
			form.Set("vpn_peers_may_talk", "1")
			a.post("/admin/gateway", form)
		}
		button := a.conditions("/admin/gateway").Find(`form[action="/admin/gateway/dns"] button`).Text()
		w := a.post("/admin/gateway/dns", nil)
		if end != "" {
			a.post(end, a.trial())
		}
		open, page := a.site.Settings.Current().OpenBeforeLogin, a.conditions("/admin/gateway")
		if button != "Открыть 192.0.2.53:53" || w.Code != http.StatusSeeOther || len(open) != 1 || a.site.Settings.Current().OnTrial() || page.Find("[data-condition=dns]").Length() != 0 {
			t.Errorf("%q: button %q, answer %d, open %v", end, button, w.Code, open)
		}
	}
}

// TestFirstSteps: the list leads from the address to the installer, stands for the conditions that it cures, and is gone when an agent
// has connected.
func TestFirstSteps(t *testing.T) {
	a := newAdministration(t)
	now := &a.site.Settings.(*fixedSettings).now
	now.Enabled = false
	a.gate.nameServers = []netip.Addr{netip.MustParseAddr("192.0.2.53")}
	if err := a.site.Accounts.DeleteUser(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if err := a.site.Accounts.DeleteUser(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	is := func(done, current string) {
		t.Helper()
		page := a.conditions("/admin/agent")
		var got []string
		page.Find(".first-steps .done").Each(func(_ int, step *goquery.Selection) { got = append(got, step.AttrOr("data-step", "")) })
		at := page.Find(`.first-steps [aria-current="step"]`)
		if strings.Join(got, " ") != done || at.AttrOr("data-step", "") != current {
			t.Errorf("done %v, current %q; want %s, %q", got, at.AttrOr("data-step", ""), done, current)
		}
		for _, code := range []agent.ConditionCode{agent.ConditionDomain, agent.ConditionInterfaces, agent.ConditionDNS} {
			if page.Find(inState+` [data-condition="`+string(code)+`"]`).Length() != 0 {
				t.Errorf("%s stands twice", code)
			}
		}
		a.followCures(page.Find(".first-steps"))
	}
	is("", templates.StepAddress)
	now.Enabled, now.Domain = true, "gw.example.test"
	is("address", templates.StepInterfaces)
	form := choice(templates.RoleLAN, templates.RoleWAN)
	a.post("/admin/gateway", form)
	a.gate.state.Enforcement = agent.EnforcementOn
	is("address", templates.StepInterfaces) // not confirmed yet
	a.post("/admin/gateway/keep", a.trial())
	is("address interfaces", templates.StepDNS)
	if !a.conditions("/admin/agent").Find("#state").HasClass("bad") {
		t.Error("nobody can log in, and the state is not red")
	}
	a.post("/admin/gateway/dns", url.Values{})
	is("address interfaces dns", templates.StepPeople)
	id, err := a.site.Accounts.CreateUser(t.Context(), agent.User{Login: "petrova", Directory: agent.LocalDirectory, Enabled: true, Created: time.Now()}, cheapHash())
	if err != nil {
		t.Fatal(err)
	}
	is("address interfaces dns people", templates.StepInstaller)
	if err := a.site.AgentHosts.AgentConnected(t.Context(), id, "a device", "gw.example.test", time.Now()); err != nil {
		t.Fatal(err)
	}
	is("address interfaces dns people", templates.StepInstaller) // nobody has logged in on that device
	db := a.site.AgentHosts.(*store.Store)
	if err := errors.Join(db.RememberDevice(t.Context(), id, "a device", time.Now()), db.AgentConnected(t.Context(), id, "a device", "gw.example.test", time.Now())); err != nil {
		t.Fatal(err)
	}
	if page := a.conditions("/admin/agent"); page.Find(".first-steps").Length() != 0 {
		t.Errorf("still there: %s", page.Find(".first-steps").Text())
	}
}
