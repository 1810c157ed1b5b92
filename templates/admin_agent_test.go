package templates

import (
	"cmp"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

func adminAgent(t *testing.T, d AdminAgentData) *goquery.Document {
	t.Helper()
	p := Page{L: locale.For("ru"), Path: string(cmp.Or(d.Tab, AgentConnection)), User: &agent.User{Login: "admin", Admin: true}, CSRF: "x"}
	return render(t, AdminAgent(p, d))
}

// onTab returns the data for another tab.
func onTab(tab AgentTab, d AdminAgentData) AdminAgentData {
	d.Tab = tab
	return d
}

func savedAgent() AdminAgentData {
	return AdminAgentData{Enabled: true, Domain: "gw.company.ru", Saved: true, SavedDomain: "gw.company.ru", InstallerReady: true,
		Deployment: Deployment{Command: "msiexec /i IdecoAgent.msi /qn", Startup: `msiexec /i \\server\share\IdecoAgent.msi /qn`,
			Logon: `start "" \\server\share\IdecoAgent.exe utm_address=gw.company.ru utm_pin=3q2+7w==`, PortableReady: true},
		Form: NewSettingsForm(agent.DefaultSettings())}
}

// TestAdminAgentTabs: each tab has its own URL and marks itself, and the switch answers on it.
func TestAdminAgentTabs(t *testing.T) {
	parts := map[AgentTab]string{AgentConnection: `form[action="/admin/agent/domain"]`, AgentRollout: "#command",
		AgentAccess: `form[action="/admin/agent/settings"]`, AgentVPN: `form[action="/admin/agent/vpn"]`}
	for _, tab := range AgentTabs {
		doc := adminAgent(t, onTab(tab, savedAgent()))
		if links := doc.Find(".tabs a"); links.Length() != len(AgentTabs) || links.Filter(`[aria-current="page"]`).AttrOr("href", "") != string(tab) {
			t.Errorf("%s: %s", tab, html(doc.Find(".tabs")))
		}
		for other, part := range parts {
			if got := doc.Find(part).Length() == 1; got != (other == tab) {
				t.Errorf("%s has the part of %s: %v", tab, other, got)
			}
		}
		if got := doc.Find(`form[action="/admin/agent/state"] input[name=tab]`).AttrOr("value", ""); got != string(tab) {
			t.Errorf("%s: the switch leads to %q", tab, got)
		}
		if doc.Find(`.sections a[aria-current="page"]`).AttrOr("href", "") != "/admin/agent" {
			t.Errorf("%s: the section is not marked", tab)
		}
	}
}

func TestAdminAgentOffersTheInstallerUnderTheAddress(t *testing.T) {
	d := savedAgent()
	d.InstallerSize = 5 << 20
	doc := adminAgent(t, d)
	if button := doc.Find("#auth_domain").Closest(".field").Next(); strings.TrimSpace(button.Text()) != "Сохранить" {
		t.Errorf("beside the field is %s", html(button))
	}
	download := doc.Find(`.domain a[href="/download/IdecoAgent.msi"]`)
	if strings.TrimSpace(download.Text()) != "Скачать Ideco агент" {
		t.Error("no download")
	}
	if file, want := doc.Find("#"+download.AttrOr("aria-describedby", "")).Text(), "IdecoAgent.msi, версия "+agent.Version+", 5,0 МБ"; file != want {
		t.Errorf("the file is %q, want %q", file, want)
	}
	if note := doc.Find("#auth_domain-note").Text(); note != "Адрес шлюза, например gw.company.ru" {
		t.Errorf("helper text %q", note)
	}
}

func TestAdminAgentSaysWhyThereIsNoDownload(t *testing.T) {
	unsaved, off, missing := savedAgent(), savedAgent(), savedAgent()
	unsaved.Saved, off.Enabled, missing.InstallerReady = false, false, false
	for want, d := range map[string]AdminAgentData{"Сохраните адрес шлюза": unsaved, "Включите переключатель": off, "": missing} {
		doc := adminAgent(t, d)
		if doc.Find(`a[href="/download/IdecoAgent.msi"]`).Length() != 0 || !strings.Contains(doc.Find(".domain").Text(), want) {
			t.Errorf("no %q, or a download all the same", want)
		}
	}
	doc := adminAgent(t, onTab(AgentRollout, unsaved))
	if doc.Find(`.banner.info a[href="/admin/agent#auth_domain"]`).Length() != 1 || doc.Find("#command").Length() != 0 {
		t.Error("commands without an address")
	}
}

func TestAdminAgentSaysHowToBuildTheInstaller(t *testing.T) {
	d := savedAgent()
	d.InstallerReady, d.Unsigned = false, true
	doc := adminAgent(t, onTab(AgentRollout, d))
	for id, want := range map[string]string{"cure-tools": "sudo apt-get install wixl msitools", "cure-build": "make build"} {
		if got := doc.Find("#" + id).Text(); got != want || doc.Find("[data-copy="+id+"]").Length() != 1 {
			t.Errorf("%s is %q, want %q with a button", id, got, want)
		}
	}
	if got := doc.Find("#cure-restart").Text(); !strings.Contains(got, "systemctl restart ideco-agent-backend") {
		t.Errorf("restart: %q", got)
	}
	if doc.Find("details.unfold").Length() != 0 {
		t.Error("an installer that is not there is warned of")
	}
}

// TestAdminAgentLetsTheUnsignedProgramThrough: the page has the warnings of Windows, and path and hash of each program to
// copy.
func TestAdminAgentLetsTheUnsignedProgramThrough(t *testing.T) {
	d := onTab(AgentRollout, savedAgent())
	if adminAgent(t, d).Find("details.unfold").Length() != 0 {
		t.Error("a signed installer is warned of")
	}
	d.Unsigned = true
	d.Deployment.Paths = []string{`%ProgramFiles%\Ideco\Agent\IdecoAgent.exe`}
	d.Deployment.Programs = []Program{{"IdecoAgent.exe", "10", "aa10"}, {"IdecoAgent.exe", "8", "bb08"}, {"wintun.dll", "", "cc00"}}
	doc := adminAgent(t, d)
	const part = `[aria-labelledby="unsigned-title"]`
	if doc.Find(part+" details.unfold").Length() != 2 {
		t.Error("the warnings or the exclusions are missing")
	}
	for id, want := range map[string][2]string{
		"path-0": {d.Deployment.Paths[0], "Путь к IdecoAgent.exe"},
		"sum-0":  {"aa10", "SHA-256 IdecoAgent.exe для Windows 10 и 11"},
		"sum-1":  {"bb08", "SHA-256 IdecoAgent.exe для Windows 8 и 8.1"},
		"sum-2":  {"cc00", "SHA-256 wintun.dll"},
	} {
		got := [2]string{doc.Find("#" + id).Text(), doc.Find("#" + id + "-label").Text()}
		if got != want || doc.Find("[data-copy="+id+"]").Length() != 1 {
			t.Errorf("%s is %q, want %q with a button", id, got, want)
		}
	}
	if text := doc.Find(part).Text(); !strings.Contains(text, "Authenticode") {
		t.Error("nothing is said of AppLocker's own hash")
	}
	d.Deployment.Programs = nil
	if doc := adminAgent(t, d); doc.Find("#path-0").Length() != 1 || strings.Contains(doc.Find(part).Text(), "для антивируса. Суммы") {
		t.Error("without sums there are paths only")
	}
}

func TestAdminAgentSwitchSaysStateAndDoesTheOpposite(t *testing.T) {
	for enabled, want := range map[bool][3]string{true: {"true", "0", "Включён"}, false: {"false", "1", "Выключен"}} {
		d := savedAgent()
		d.Enabled = enabled
		form := adminAgent(t, d).Find(`form[action="/admin/agent/state"]`)
		button := form.Find("button[role=switch]")
		got := [3]string{button.AttrOr("aria-checked", ""), form.Find("input[name=enabled]").AttrOr("value", ""), strings.TrimSpace(button.Text())}
		if got != want {
			t.Errorf("enabled %v: %q, want %q", enabled, got, want)
		}
	}
}

func TestAdminAgentKeepsWhatWasTypedBesideItsError(t *testing.T) {
	d := savedAgent()
	d.Domain, d.DomainError = "gw company", "В адресе не может быть пробелов."
	d.Form.Numbers["grace_seconds"], d.Errors = "abc", map[string]string{"grace_seconds": "Введите число секунд."}
	for id, want := range map[string][2]string{
		"auth_domain":   {"gw company", "В адресе не может быть пробелов."},
		"grace_seconds": {"abc", "Введите число секунд."},
	} {
		doc := adminAgent(t, onTab(map[string]AgentTab{"grace_seconds": AgentAccess}[id], d))
		input := doc.Find("#" + id)
		note := doc.Find("#" + input.AttrOr("aria-describedby", ""))
		if input.AttrOr("value", "") != want[0] || input.AttrOr("aria-invalid", "") != "true" || strings.TrimSpace(note.Text()) != want[1] || note.Find("svg").Length() != 1 {
			t.Errorf("%s: %s", id, html(input.Parent()))
		}
	}
	if adminAgent(t, d).Find("#auth_domain-note").Length() != 1 {
		t.Error("the error does not take the helper's place")
	}
}

func TestAdminAgentShowsSettings(t *testing.T) {
	doc := adminAgent(t, onTab(AgentAccess, savedAgent()))
	for id, want := range map[string]string{"session_hours_lan": "24", "session_hours_vpn": "12", "grace_seconds": "30", "devices_per_user": "5"} {
		if got := doc.Find("#"+id).AttrOr("value", ""); got != want {
			t.Errorf("%s is %q, want %q", id, got, want)
		}
	}
	if got := doc.Find("input[name=device_policy][checked]").AttrOr("value", ""); got != "evict" {
		t.Errorf("policy %q", got)
	}
}

func TestAdminAgentShowsThePinWhetherThereIsAnInstallerOrNot(t *testing.T) {
	ready := savedAgent()
	ready.Pin = "3q2+7w=="
	bare := AdminAgentData{Pin: ready.Pin}
	for name, d := range map[string]AdminAgentData{"ready": ready, "bare": bare} {
		doc := adminAgent(t, onTab(AgentRollout, d))
		if got := doc.Find("#pin").Text(); got != ready.Pin || doc.Find("[data-copy=pin]").Length() != 1 || doc.Find("#pin-label").Text() != "Отпечаток корневого сертификата" {
			t.Errorf("%s: pin %q", name, got)
		}
	}
	if adminAgent(t, onTab(AgentRollout, savedAgent())).Find("#pin").Length() != 0 {
		t.Error("an empty pin is shown")
	}
}

func TestAdminAgentHelpsToRollOut(t *testing.T) {
	d := onTab(AgentRollout, savedAgent())
	doc := adminAgent(t, d)
	for id, want := range map[string]string{"command": d.Deployment.Command, "startup": d.Deployment.Startup, "logon": d.Deployment.Logon} {
		if got := doc.Find("#" + id).Text(); got != want || doc.Find("[data-copy="+id+"]").Length() != 1 {
			t.Errorf("%s is %q, want %q with a button", id, got, want)
		}
	}
	for _, path := range []string{"/download/IdecoAgent-policy.zip", "/download/IdecoAgent-portable.zip"} {
		if doc.Find(`a[href="`+path+`"]`).Length() != 1 {
			t.Errorf("no %s", path)
		}
	}
	if text := doc.Find("main").Text(); !strings.Contains(text, "Go 1.20") {
		t.Error("nothing is said of the build for Windows 8")
	}
	d.Deployment.PortableReady = false
	doc = adminAgent(t, d)
	if doc.Find(`a[href="/download/IdecoAgent-portable.zip"]`).Length() != 0 || !strings.Contains(doc.Find(".rollout").Text(), "в этой сборке шлюза нет") {
		t.Error("a build without the program for a share does not say so")
	}
}

func TestAdminAgentSaysWhenTheInstallerHasNoDriver(t *testing.T) {
	const words = "В этом установщике нет драйвера VPN (wintun.dll)"
	d := savedAgent()
	if strings.Contains(adminAgent(t, d).Find("main").Text(), words) {
		t.Error("said of an installer with the driver")
	}
	d.NoDriver = true
	if !strings.Contains(adminAgent(t, d).Find(".installer .banner").Text(), words) {
		t.Error("not said")
	}
}

// TestBrowserCard: the lines for DHCP are there only with a certificate that browsers trust, else the card says what follows; a
// network that is not local any more is named.
func TestBrowserCard(t *testing.T) {
	s := agent.DefaultSettings()
	s.LocalNetworks, _ = agent.ParseNetworks("", "192.168.7.0/24")
	s.BrowserSignIn, _ = agent.ParseNetworks("", "192.168.7.128/25 192.168.8.0/24")
	const card = `section[aria-labelledby="browser-title"]`
	for _, trusted := range []bool{false, true} {
		d := onTab(AgentAccess, savedAgent())
		d.Browser = NewBrowserSignIn(s, trusted, "https://gw.company.ru:8443/")
		doc := adminAgent(t, d).Find(card)
		if got := doc.Find("textarea").Text(); got != "192.168.7.128/25\n192.168.8.0/24" {
			t.Errorf("networks %q", got)
		}
		if warned := doc.Find(".banner.warn").Text(); !strings.Contains(warned, "192.168.8.0/24") || strings.Contains(warned, "192.168.7") {
			t.Errorf("networks that are not local: %q", warned)
		}
		lines := map[string]string{
			"#captive-portal-api": "https://gw.company.ru:8443/captive-portal/api",
			"#dnsmasq":            "dhcp-option=114,https://gw.company.ru:8443/captive-portal/api",
			"#kea":                `{ "name": "v4-captive-portal", "data": "https://gw.company.ru:8443/captive-portal/api" }`,
			"#mikrotik":           `/ip dhcp-server option add name=captive-portal code=114 value="'https://gw.company.ru:8443/captive-portal/api'"`,
			"#radvd":              `AdvCaptivePortalAPI "https://gw.company.ru:8443/captive-portal/api";`,
			"#windows-dhcp": `Add-DhcpServerv4OptionDefinition -OptionId 114 -Name "Captive portal" -Type String; ` +
				`Set-DhcpServerv4OptionValue -ScopeId 192.168.7.128 -OptionId 114 -Value "https://gw.company.ru:8443/captive-portal/api"`,
		}
		for id, want := range lines {
			if !trusted {
				want = ""
			}
			if got := doc.Find(id).Text(); got != want {
				t.Errorf("trusted %v, %s: %q", trusted, id, got)
			}
		}
		if link := doc.Find(`.banner.info a[href="/admin/certificate"]`).Length() == 1; link == trusted {
			t.Errorf("trusted %v, a link to the certificate: %v", trusted, link)
		}
		if strings.Contains(doc.Text(), "captive-portal") != trusted {
			t.Errorf("trusted %v: %q", trusted, doc.Text())
		}
	}
	d := onTab(AgentAccess, savedAgent())
	if d.Browser = NewBrowserSignIn(agent.DefaultSettings(), false, ""); adminAgent(t, d).Find(card+" .banner.warn").Length() != 0 {
		t.Error("a warning although no network is chosen")
	}
	d.Browser, d.Enabled = NewBrowserSignIn(s, false, ""), false
	if !strings.Contains(adminAgent(t, d).Find(card).Text(), "Ideco агент выключен") {
		t.Error("nothing says that the agent is switched off")
	}
}
