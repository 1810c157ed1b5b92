package templates

import (
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

func cabinetOf(t *testing.T, u agent.User, d CabinetData) *goquery.Document {
	t.Helper()
	d.Now = now
	return render(t, Cabinet(Page{L: locale.For("ru"), Path: "/cabinet", User: &u, CSRF: "x"}, d))
}

var (
	localPerson     = agent.User{ID: 7, Login: "ivanov", Directory: agent.LocalDirectory}
	directoryPerson = agent.User{ID: 8, Login: "petrova", Directory: "company.ru"}
	readyCabinet    = CabinetData{AgentEnabled: true, Domain: "gw.company.ru", InstallerReady: true, InstallerSize: 5 << 20}
)

func TestCabinetLabelsDependOnWhoKeepsTheAccount(t *testing.T) {
	for label, u := range map[string]agent.User{"Скачать Ideco VPN клиент для Windows": localPerson, "Скачать Ideco агент": directoryPerson} {
		doc := cabinetOf(t, u, readyCabinet)
		if got := strings.TrimSpace(doc.Find(`a[href="/download/IdecoAgent.msi"]`).Text()); got != label {
			t.Errorf("%s: label %q, want %q", u.Login, got, label)
		}
		if got := strings.TrimSpace(doc.Find(`a[href="/download/root.crt"]`).Text()); got != "Скачать корневой сертификат" {
			t.Errorf("certificate: %q", got)
		}
		if n := doc.Find(".steps li").Length(); n != 3 || !strings.Contains(doc.Find(".steps").Text(), "Нужны права администратора") {
			t.Errorf("%d steps", n)
		}
		hasForm := doc.Find(`form[action="/cabinet/password"]`).Length() == 1
		sent := strings.Contains(doc.Text(), "Для смены пароля обратитесь к вашему системному администратору.")
		if hasForm != u.Local() || sent == u.Local() {
			t.Errorf("%s: form %v, sent to the administrator %v", u.Login, hasForm, sent)
		}
		if strings.Contains(doc.Text(), "Смена пароля") != u.Local() {
			t.Errorf("%s: the wrong offer to change the password", u.Login)
		}
	}
}

// TestCabinetPasswordOfDirectory: the form is there where the directory's setting permits it, without the rules of local passwords.
func TestCabinetPasswordOfDirectory(t *testing.T) {
	d := readyCabinet
	d.PasswordHere, d.PasswordWarning = true, "Пароль истечёт через 3 дня."
	doc := cabinetOf(t, directoryPerson, d)
	if doc.Find(`form[action="/cabinet/password"] input[type=password]`).Length() != 3 || strings.Contains(doc.Text(), "обратитесь к вашему системному администратору") ||
		strings.Contains(doc.Text(), "Не меньше") || doc.Find(".banner.warn").Text() == "" {
		t.Error(doc.Find("[aria-labelledby=password-title]").Text(), doc.Find(".banner").Text())
	}
	d.PasswordChanged = "Пароль изменён."
	if doc := cabinetOf(t, directoryPerson, d); strings.TrimSpace(doc.Find(".banner").Text()) != "Пароль изменён." {
		t.Error(doc.Find(".banner").Text())
	}
}

func TestCabinetSaysWhyThereIsNoDownload(t *testing.T) {
	off, unnamed, missing := readyCabinet, readyCabinet, readyCabinet
	off.AgentEnabled, unnamed.Domain, missing.InstallerReady = false, "", false
	for want, d := range map[string]CabinetData{"отключил Ideco агент": off, "не задал адрес шлюза": unnamed, "нет установщика. Обратитесь к администратору": missing} {
		doc := cabinetOf(t, localPerson, d)
		if doc.Find(`a[href="/download/IdecoAgent.msi"]`).Length() != 0 || !strings.Contains(doc.Find("[aria-labelledby=agent-title] .banner").Text(), want) {
			t.Errorf("no %q, or a download all the same", want)
		}
	}
}

// TestCabinetBeginsWithTheSystem: Windows gets the download first; other systems are told what to do there, and that it is for Windows.
func TestCabinetBeginsWithTheSystem(t *testing.T) {
	for system, want := range map[string]string{
		"Windows": "Программа открывает доступ", "": "Программа открывает доступ", "Android": "Для телефона и планшета (Android) программы Ideco агент нет",
		"iOS": "(iOS) программы Ideco агент нет", "iPadOS": "(iPadOS)", "macOS": "Для macOS программы Ideco агент нет", "Linux": "Ideco агент без окна",
	} {
		d := readyCabinet
		d.System = system
		card := cabinetOf(t, localPerson, d).Find("[aria-labelledby=agent-title]")
		if first := card.Find("p").First().Text(); !strings.Contains(first, want) {
			t.Errorf("%s: %q", system, first)
		}
		other := strings.Contains(card.Text(), "Для компьютера с Windows")
		if other != (system != "" && system != "Windows") || card.Find("a.button.primary").Length() == 1 == other {
			t.Errorf("%s: %s", system, html(card))
		}
		if file, want := card.Find("#installer-file").Text(), "IdecoAgent.msi, версия "+agent.Version+", 5,0 МБ"; file != want {
			t.Errorf("the file is %q, want %q", file, want)
		}
	}
}

// TestCabinetIsForEmployees: no pin and no command line, with every part of the page.
func TestCabinetIsForEmployees(t *testing.T) {
	d := readyCabinet
	d.Unsigned, d.Sessions = true, []agent.LiveSession{someSession("s1", agent.KindLAN)}
	for system := range otherSystems {
		d.System = system
		doc := cabinetOf(t, localPerson, d)
		for _, part := range []string{"#pin", "code", "pre"} {
			if found := doc.Find("main " + part); found.Length() != 0 {
				t.Errorf("%s: %s", system, html(found))
			}
		}
		for _, words := range []string{"utm_", "msiexec", "sudo"} {
			if strings.Contains(doc.Find("main").Text(), words) {
				t.Errorf("%s: the page says %s", system, words)
			}
		}
	}
}

// TestCabinetSaysWhatWindowsWillShow: the warnings of Windows are folded beside the download while the installer is
// unsigned.
func TestCabinetSaysWhatWindowsWillShow(t *testing.T) {
	d := readyCabinet
	if cabinetOf(t, localPerson, d).Find("details.unfold").Length() != 0 {
		t.Error("a signed installer is warned of")
	}
	d.Unsigned = true
	warnings := cabinetOf(t, localPerson, d).Find(`a[href="/download/IdecoAgent.msi"] ~ details.unfold`)
	if _, open := warnings.Attr("open"); open || warnings.Find("summary").Length() != 1 {
		t.Errorf("not folded: %s", html(warnings))
	}
	for _, words := range []string{"«Система Windows защитила ваш компьютер»", "«Подробнее»", "«Выполнить в любом случае»", "«Да»",
		"«Сохранить»", "«Интеллектуальное управление приложениями»", "обратитесь к администратору"} {
		if !strings.Contains(warnings.Text(), words) {
			t.Errorf("does not say %s", words)
		}
	}
	if d.InstallerReady = false; cabinetOf(t, localPerson, d).Find("details.unfold").Length() != 0 {
		t.Error("an installer that is not there is warned of")
	}
}

func TestConnectedPromisesNoMoreThanTheTunnelCarries(t *testing.T) {
	p := Page{L: locale.For("ru"), Path: "/"}
	for userspace, want := range map[bool]string{false: "Туннель VPN работает", true: "доступна только эта страница"} {
		text := render(t, Connected(p, ConnectedData{Login: "ivanov", Address: "10.128.0.2", Since: now, Userspace: userspace})).Find("main").Text()
		if !strings.Contains(text, want) || strings.Contains(text, "VPN работает") == userspace {
			t.Errorf("userspace %v: %q", userspace, text)
		}
	}
}

func TestCabinetEndsOwnSessionsAndBrowsers(t *testing.T) {
	d := readyCabinet
	d.Sessions = []agent.LiveSession{someSession("s1", agent.KindLAN)}
	d.Browsers = []BrowserRow{{BrowserSession: agent.BrowserSession{ID: "b1"}, Current: true}, {BrowserSession: agent.BrowserSession{ID: "b2"}}}
	doc := cabinetOf(t, localPerson, d)
	if got := doc.Find(`form[action="/cabinet/sessions/s1/end"] button`).Text(); got != "Разавторизоваться" {
		t.Errorf("session: %q", got)
	}
	if doc.Find(`form[action="/cabinet/browsers/b1/end"]`).Length() != 0 || doc.Find(`form[action="/cabinet/browsers/b2/end"]`).Length() != 1 {
		t.Error("this browser logs out, another one is ended")
	}
	if got := doc.Find(".badge").Text(); got != "Этот браузер" {
		t.Errorf("mark %q", got)
	}
}

func TestAdministrationIsOfferedToAdministratorsOnly(t *testing.T) {
	admin := localPerson
	admin.Admin = true
	if cabinetOf(t, admin, readyCabinet).Find(`.controls a[href="/admin/overview"]`).Length() != 1 {
		t.Error("an administrator finds no way in")
	}
	if cabinetOf(t, localPerson, readyCabinet).Find(`a[href^="/admin"]`).Length() != 0 {
		t.Error("a person is offered what is forbidden")
	}
}

func TestBrowserName(t *testing.T) {
	l := locale.For("ru")
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36":                  "Chrome, Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0":        "Edge, Windows",
		"Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 YaBrowser/25.8 Safari/537.36":               "Yandex, Windows",
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                           "Firefox, Linux",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile Safari/604.1": "Safari, iOS",
		"curl/8.1": "curl",
		"":         "Неизвестный браузер",
	} {
		if got := browserName(l, agent); got != want {
			t.Errorf("%q is %q, want %q", agent, got, want)
		}
	}
}
