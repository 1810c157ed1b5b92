package window

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/session"
	"ideco-agent/agent/client/settings"
)

var moscow = time.FixedZone("MSK", 3*3600)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, moscow)

// statusOf returns a status in the state; access in it is the window's own.
func statusOf(state client.State, code, message string) session.Status {
	v := session.Status{Status: client.Status{State: state, Code: code, Message: message, Server: "gw.ru"}, Holder: session.Nobody}
	switch state {
	case client.Authorized, client.TunnelUp, client.Reconnecting:
		v.Login, v.Holder = "ivanov", session.You
	}
	return v
}

func input(v session.Status) Input {
	return Input{Status: v, Lang: locale.Russian, Gateway: "gw.ru", Typed: FieldTexts{"ivanov", "", "gw.ru"}, Now: noon}
}

// Each state, code, reason and problem has a text and an icon, also when the gateway sends no message.
func TestEveryStatusHasText(t *testing.T) {
	var statuses []session.Status
	for _, code := range append(append([]agent.Code{}, agent.Codes...), agent.AgentCodes...) {
		statuses = append(statuses, statusOf(client.Failed, string(code), ""), statusOf(client.Authorized, string(code), ""))
	}
	for _, reason := range agent.Reasons {
		statuses = append(statuses, statusOf(client.Ended, string(reason), ""), statusOf(client.Reconnecting, string(reason), ""))
	}
	for _, state := range []client.State{session.Idle, session.Ready, client.Connecting, client.Authorized, client.TunnelUp,
		client.Reconnecting, client.Ended, client.Failed, "a newer state"} {
		statuses = append(statuses, statusOf(state, "", ""))
	}
	for _, code := range []string{session.Busy, session.NoGateway, session.BadSettings, session.ServiceStopped, session.ServiceUntrusted} {
		v := statusOf(session.Idle, "", "")
		v.Problem = &session.Problem{Code: code, Message: "Слова."}
		statuses = append(statuses, v)
	}
	other := statusOf(session.Idle, "", "")
	other.Holder = session.Other
	for _, v := range append(statuses, other) {
		for _, lang := range []locale.Lang{locale.Russian, locale.English} {
			s := input(v)
			s.Lang = lang
			f := BuildContent(s)
			if f.Status == "" || strings.Contains(f.Status, "{") || strings.Contains(strings.ToLower(f.Status), "unknown") ||
				strings.Contains(strings.ToLower(f.Status), "неизвестн") {
				t.Errorf("%s %s in %s: %q", v.State, v.Code, lang, f.Status)
			}
			if !v.HasAccess() && (f.Icon == IconOK || f.Tray.Icon == IconOK || f.Who != "" || len(f.Rows) > 1) {
				t.Errorf("%s %s is shown as access: %+v", v.State, v.Code, f)
			}
			if f.Tray.Icon == IconError || f.Main.Text == "" || f.Main.Shown == (v.Holder == session.Other) || len(f.Tray.Tip) == 0 {
				t.Errorf("%s %s: %+v", v.State, v.Code, f)
			}
		}
	}
}

func TestBuildContent(t *testing.T) {
	up := statusOf(client.Authorized, "", "Вы подключены, доступ открыт.")
	up.Mode, up.Address, up.Expires = client.ModeLAN, "10.0.0.5", "2026-11-23T15:05:00Z"
	tomorrow, soon, refused := up, up, up
	tomorrow.Expires = "2026-11-24T07:05:00Z"
	soon.Notices = []client.Notice{{Code: "shadowed", Message: "Сеть."}, {Code: client.NoticeExpiring, Message: "Скоро."}}
	refused.Notices = append(soon.Notices[:2:2], client.Notice{Code: "bad_credentials", Message: "Нет."})
	known := statusOf(client.Authorized, "", "Вы подключены, доступ открыт.") // without mode, address and end
	rising := statusOf(client.Authorized, "", "Вход выполнен, подключаем VPN…")
	rising.Mode = client.ModeVPN
	tunnel := statusOf(client.TunnelUp, "", "VPN подключён.")
	tunnel.Mode = client.ModeVPN
	blocked := statusOf(client.Authorized, "tunnel_blocked", "Сеть не пропускает VPN.")
	blocked.Mode = client.ModeVPN
	entering := statusOf(client.Connecting, "", "")
	entering.Login = "ivanov"
	other, mayEnd := statusOf(session.Idle, "", ""), statusOf(session.Idle, "", "")
	other.Holder, mayEnd.Holder, mayEnd.CanEnd = session.Other, session.Other, true
	gone := statusOf(session.Idle, "", "")
	gone.Problem = &session.Problem{Code: session.ServiceStopped, Message: "Служба не отвечает."}

	const (
		lan, vpn = "Вы вошли как ivanov из локальной сети", "Вы вошли как ivanov через VPN"
		gateway  = "|Шлюз gw.ru"
		taken    = "Занято: доступ на этом компьютере сейчас открыт в другом сеансе Windows."
	)
	for _, c := range []struct {
		name       string
		is         session.Status
		icon, tray Icon
		status     string
		card       string // who and rows; "form" = the form is shown
		notes      int
		fields     string // login, password, address: + enabled, - read-only, " " hidden
		main       string // the action, with + enabled or - disabled; " " hidden
		extend     bool
	}{
		{"idle", statusOf(session.Idle, "", ""), IconNone, IconNone, "Вы не подключены.", "form", 0, "+++", "login+", false},
		{"probing", statusOf(client.Connecting, "", ""), IconConnecting, IconConnecting, "Подключаемся к шлюзу gw.ru…", "form", 0, "+++", "login+", false},
		{"ready", statusOf(session.Ready, "", ""), IconNone, IconNone, "Связь с сервером установлена.", "form", 0, "+++", "login+", false},
		{"logging in", entering, IconConnecting, IconConnecting, "Входим на шлюз gw.ru…", "form", 0, "---", "logout+", false},
		{"access", up, IconOK, IconOK, "Вы подключены, доступ открыт.", lan + gateway + "|Ваш адрес 10.0.0.5|Сессия до 18:05", 0, "   ", "logout+", false},
		{"until tomorrow", tomorrow, IconOK, IconOK, "Вы подключены, доступ открыт.", lan + gateway + "|Ваш адрес 10.0.0.5|Сессия до 24.11.2026 10:05", 0, "   ", "logout+", false},
		{"access, from an older gateway", known, IconOK, IconOK, "Вы подключены, доступ открыт.", "Вы вошли как ivanov" + gateway, 0, "   ", "logout+", false},
		{"expiring", soon, IconOK, IconAttention, "Вы подключены, доступ открыт.", lan + gateway + "|Ваш адрес 10.0.0.5|Сессия до 18:05", 2, "   ", "logout+", true},
		{"expiring, another password is needed", refused, IconOK, IconAttention, "Вы подключены, доступ открыт.", lan + gateway + "|Ваш адрес 10.0.0.5|Сессия до 18:05", 3, " + ", "logout+", true},
		{"the tunnel is coming up", rising, IconConnecting, IconConnecting, "Вход выполнен, подключаем VPN…", vpn + gateway, 0, "   ", "logout+", false},
		{"the tunnel is up", tunnel, IconOK, IconOK, "VPN подключён.", vpn + gateway, 0, "   ", "logout+", false},
		{"the tunnel is blocked", blocked, IconAttention, IconAttention, "Сеть не пропускает VPN.", vpn + gateway, 0, "   ", "logout+", false},
		{"lost", statusOf(client.Reconnecting, "lost", ""), IconConnecting, IconConnecting, "Связь со шлюзом потеряна. Пробуем подключиться снова.", gateway, 0, "   ", "logout+", false},
		{"logged out", statusOf(client.Ended, "logout", ""), IconNone, IconNone, "Вы вышли. Доступ закрыт.", "form", 0, "+++", "login+", false},
		{"ended", statusOf(client.Ended, "admin", ""), IconAttention, IconAttention, "Администратор завершил вашу сессию.", "form", 0, "+++", "login+", false},
		{"ended by an administrator of the computer", statusOf(client.Ended, session.EndedLocally, "Его завершил администратор."), IconAttention, IconAttention, "Его завершил администратор.", "form", 0, "+++", "login+", false},
		{"refused", statusOf(client.Failed, "bad_credentials", "Неверный логин или пароль."), IconError, IconAttention, "Неверный логин или пароль.", "form", 0, "+++", "login+", false},
		{"the service does not answer", gone, IconError, IconAttention, "Служба не отвечает.", "form", 0, "+++", "login+", false},
		{"another user's access", other, IconAttention, IconAttention, taken, "", 1, "   ", " ", false},
		{"another user's access, for an administrator", mayEnd, IconAttention, IconAttention, taken, "", 0, "   ", "end+", false},
	} {
		f := BuildContent(input(c.is))
		fields := field(f.Login) + field(f.Password) + field(f.Address)
		main := string(f.Main.Action) + sign(f.Main.Enabled)
		if !f.Main.Shown {
			main = " "
		}
		if f.Icon != c.icon || f.Tray.Icon != c.tray || f.Status != c.status || card(f) != c.card ||
			len(f.Notes) != c.notes || fields != c.fields || main != c.main || f.Extend.Shown != c.extend {
			t.Errorf("%s: %s %s %q %q %q %q %q %v", c.name, f.Icon, f.Tray.Icon, f.Status, card(f), f.Notes, fields, main, f.Extend.Shown)
		}
	}
}

func card(f Content) string {
	if f.Form && f.Who == "" && len(f.Rows) == 0 {
		return "form"
	}
	text := f.Who
	for _, r := range f.Rows {
		text += "|" + r.Label + " " + r.Text
	}
	return text
}

func field(f Field) string {
	if !f.Shown {
		return " "
	}
	return sign(f.Enabled)
}

// The format of a date depends on the language.
func TestUntil(t *testing.T) {
	for _, c := range []struct {
		lang    locale.Lang
		expires string
		want    string
	}{
		{locale.Russian, "2026-11-26T11:05:00Z", "26.11.2026 14:05"},
		{locale.English, "2026-11-26T11:05:00Z", "26 Nov 2026 14:05"},
		{locale.English, "2026-12-02T04:05:00Z", "2 Dec 2026 07:05"},
		{locale.Russian, "2026-11-23T11:05:00Z", "14:05"}, // today
		{locale.English, "2026-11-23T11:05:00Z", "14:05"},
		{locale.English, "2026-11-23T21:05:00Z", "24 Nov 2026 00:05"}, // after midnight here
		{locale.English, "2027-11-23T11:05:00Z", "23 Nov 2027 14:05"},
		{locale.English, "", ""},
		{locale.English, "tomorrow", ""},
	} {
		if got := until(c.lang, c.expires, noon); got != c.want {
			t.Errorf("%s in %s: %q, want %q", c.expires, c.lang, got, c.want)
		}
	}
}

// The card shows the traffic if it is known; the form does not.
func TestContentTraffic(t *testing.T) {
	v := statusOf(client.TunnelUp, "", "")
	v.Mode = client.ModeVPN
	s := input(v)
	s.Traffic = &Traffic{Received: 1503238553, Sent: 512}
	if got := card(BuildContent(s)); got != "Вы вошли как ivanov через VPN|Шлюз gw.ru|Получено 1,4 ГБ|Отправлено 512 Б" {
		t.Error(got)
	}
	s.Lang = locale.English
	if got := card(BuildContent(s)); got != "You are logged in as ivanov through VPN|Gateway gw.ru|Received 1.4 GB|Sent 512 B" {
		t.Error(got)
	}
	s.Status = statusOf(session.Ready, "", "")
	if got := card(BuildContent(s)); got != "form" {
		t.Error(got)
	}
}

// A long login is shortened.
func TestContentLongLogin(t *testing.T) {
	v := statusOf(client.Authorized, "", "")
	v.Login = strings.Repeat("i", 200)
	if got := BuildContent(input(v)).Who; got != "Вы вошли как "+strings.Repeat("i", maxLogin-1)+"…" {
		t.Error(got)
	}
}

func sign(enabled bool) string {
	if enabled {
		return "+"
	}
	return "-"
}

// During access the window's own message is a note below the status.
func TestOwnMessage(t *testing.T) {
	s := input(statusOf(session.Ready, "", ""))
	s.OwnMessage = "Введите логин."
	if f := BuildContent(s); f.Status != s.OwnMessage || f.Icon != IconAttention || len(f.Notes) != 0 {
		t.Errorf("%+v", f)
	}
	s.Status = statusOf(client.Authorized, "", "Вы подключены.")
	if f := BuildContent(s); f.Status != "Вы подключены." || f.Icon != IconOK || !reflect.DeepEqual(f.Notes, []string{s.OwnMessage}) {
		t.Errorf("%+v", f)
	}
}

func TestContentChecks(t *testing.T) {
	both := settings.Personal{SavePassword: true, AutoConnect: true}
	for _, c := range []struct {
		name        string
		personal    settings.Personal
		banned      bool
		want        string // save, auto: checked, enabled
		label       string // of save
		placeholder string
	}{
		{"as installed", settings.Personal{}, false, "-+ -+", "Сохранить пароль", "Сохранён"},
		{"saved", settings.Personal{SavePassword: true}, false, "++ -+", "Сохранить пароль", "Сохранён"},
		{"both", both, false, "++ ++", "Сохранить пароль", "Сохранён"},
		{"no password, no automatic login", settings.Personal{AutoConnect: true}, false, "-+ -+", "Сохранить пароль", "Сохранён"},
		{"banned", both, true, "-- --", "Сохранять пароль запрещено политикой организации", ""},
	} {
		s := input(statusOf(session.Ready, "", ""))
		s.Personal, s.Saved, s.Restrictions.SavedPassword = c.personal, true, c.banned
		f := BuildContent(s)
		got := sign(f.Save.Checked) + sign(f.Save.Enabled) + " " + sign(f.Auto.Checked) + sign(f.Auto.Enabled)
		if got != c.want || f.Save.Label != c.label || f.Password.Placeholder != c.placeholder {
			t.Errorf("%s: %s %q %q", c.name, got, f.Save.Label, f.Password.Placeholder)
		}
	}
	s := input(statusOf(session.Ready, "", ""))
	s.Locked = true
	if f := BuildContent(s); f.Address.Enabled || f.Address.Hint != "Адрес шлюза задан политикой организации" {
		t.Errorf("%+v", f.Address)
	}
}

// The items and actions of the tray menu.
func TestMenu(t *testing.T) {
	in := statusOf(client.Authorized, "", "")
	soon := in
	soon.Notices = []client.Notice{{Code: client.NoticeExpiring, Message: "Скоро."}}
	other, mayEnd := statusOf(session.Idle, "", ""), statusOf(session.Idle, "", "")
	other.Holder, mayEnd.Holder, mayEnd.CanEnd = session.Other, session.Other, true
	for _, c := range []struct {
		name   string
		status session.Status
		want   string // actions; "|" = separator, "-" = disabled
	}{
		{"no access", statusOf(session.Ready, "", ""), "open | login | report log about | exit"},
		{"access", in, "open | logout | report log about | exit"},
		{"about to expire", soon, "open | logout extend | report log about | exit"},
		{"another user's access", other, "open | login- | report log about | exit"},
		{"another user's access, for an administrator", mayEnd, "open | end | report log about | exit"},
	} {
		var items []string
		for _, i := range BuildContent(input(c.status)).Tray.Menu {
			switch {
			case i == (Item{}):
				items = append(items, "|")
			case i.Text == "" || i.Action == "":
				t.Errorf("%s: %+v", c.name, i)
			case !i.Enabled:
				items = append(items, string(i.Action)+"-")
			default:
				items = append(items, string(i.Action))
			}
		}
		if got := strings.Join(items, " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestShorten(t *testing.T) {
	for _, c := range []struct {
		in   string
		max  int
		want string
	}{
		{"шлюз", 4, "шлюз"}, {"шлюзы", 4, "шлю…"}, {"😀😀", 4, "😀😀"}, {"😀😀a", 4, "😀…"}, {"", 4, ""},
	} {
		if got := shorten(c.in, c.max); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

func TestNotifications(t *testing.T) {
	in, ready := statusOf(client.Authorized, "", ""), statusOf(session.Ready, "", "")
	lost, ended := statusOf(client.Reconnecting, "lost", ""), statusOf(client.Ended, "admin", "")
	blocked := statusOf(client.Authorized, "tunnel_blocked", "Сеть не пропускает VPN.")
	soon, sooner := in, in
	soon.Notices = []client.Notice{{Code: client.NoticeExpiring, Message: "30 мин."}}
	sooner.Notices = []client.Notice{{Code: client.NoticeExpiring, Message: "5 мин."}}
	gone := statusOf(session.Idle, "", "")
	gone.Problem = &session.Problem{Code: session.ServiceStopped, Message: "Служба не отвечает."}
	entering := statusOf(client.Connecting, "", "")
	entering.Login, entering.Holder = "ivanov", session.You
	stranger := ended
	stranger.Holder = session.Other
	for _, c := range []struct {
		name    string
		was, is session.Status
		want    string
	}{
		{"no change", in, in, ""},
		{"login", ready, in, ""},
		{"refused login", ready, statusOf(client.Failed, "bad_credentials", "Нет."), ""},
		{"logout", in, statusOf(client.Ended, "logout", ""), ""},
		{"the administrator's end", in, ended, "attention Администратор завершил вашу сессию."},
		{"ended by an administrator of this computer", in, statusOf(client.Ended, session.EndedLocally, "Его завершил администратор."), "attention Его завершил администратор."},
		{"ended before the access was shown", entering, ended, "attention Администратор завершил вашу сессию."},
		{"cancelled login", entering, statusOf(client.Ended, "logout", ""), ""},
		{"the same end again", ended, ended, ""},
		{"the end after a loss", lost, ended, "attention Администратор завершил вашу сессию."},
		{"lost", in, lost, "connecting Связь со шлюзом потеряна. Пробуем подключиться снова."},
		{"still lost", lost, statusOf(client.Reconnecting, "unreachable", ""), ""},
		{"reconnected", lost, in, "ok Связь со шлюзом восстановлена, доступ открыт."},
		{"refused after a reconnect", lost, statusOf(client.Failed, "account_disabled", "Отключена."), "attention Отключена."},
		{"about to expire", in, soon, "attention 30 мин."},
		{"the same warning", soon, soon, ""},
		{"a later warning", soon, sooner, "attention 5 мин."},
		{"extended", sooner, in, ""},
		{"blocked", in, blocked, "attention Сеть не пропускает VPN."},
		{"still blocked", blocked, blocked, ""},
		{"reconnected, blocked", lost, blocked, "attention Сеть не пропускает VPN."},
		{"the service does not answer", in, gone, "attention Служба не отвечает."},
		{"still no service", gone, gone, ""},
		{"the service was restarted", in, statusOf(session.Idle, "", ""), "attention Вы не подключены."},
		{"another user's access", in, stranger, ""},
	} {
		var said []string
		for _, n := range Notifications(locale.Russian, c.was, c.is) {
			said = append(said, string(n.Icon)+" "+n.Text)
		}
		if got := strings.Join(said, "; "); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
