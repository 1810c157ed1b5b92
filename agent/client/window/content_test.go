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

// statusOf returns a status with the state. If that means access, the window's own user has it.
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
			in := input(v)
			in.Lang = lang
			content := BuildContent(in)
			if content.Status == "" || strings.Contains(content.Status, "{") || strings.Contains(strings.ToLower(content.Status), "unknown") ||
				strings.Contains(strings.ToLower(content.Status), "неизвестн") {
				t.Errorf("%s %s in %s: %q", v.State, v.Code, lang, content.Status)
			}
			if !v.HasAccess() && (content.Icon == IconOK || content.Tray.Icon == IconOK || content.Who != "" || len(content.Rows) > 1) {
				t.Errorf("%s %s is shown as access: %+v", v.State, v.Code, content)
			}
			if content.Tray.Icon == IconError || content.Main.Text == "" || content.Main.Shown == (v.Holder == session.Other) || len(content.Tray.Tip) == 0 {
				t.Errorf("%s %s: %+v", v.State, v.Code, content)
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
	fromOlder := statusOf(client.Authorized, "", "Вы подключены, доступ открыт.") // which sends no mode, address and end
	tunnelStarting := statusOf(client.Authorized, "", "Вход выполнен, подключаем VPN…")
	tunnelStarting.Mode = client.ModeVPN
	tunnel := statusOf(client.TunnelUp, "", "VPN подключён.")
	tunnel.Mode = client.ModeVPN
	blocked := statusOf(client.Authorized, "tunnel_blocked", "Сеть не пропускает VPN.")
	blocked.Mode = client.ModeVPN
	loggingIn := statusOf(client.Connecting, "", "")
	loggingIn.Login = "ivanov"
	other, mayEnd := statusOf(session.Idle, "", ""), statusOf(session.Idle, "", "")
	other.Holder, mayEnd.Holder, mayEnd.CanEnd = session.Other, session.Other, true
	noService := statusOf(session.Idle, "", "")
	noService.Problem = &session.Problem{Code: session.ServiceStopped, Message: "Служба не отвечает."}

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
		{"ready", statusOf(session.Ready, "", ""), IconNone, IconNone, "Шлюз на связи. Введите логин и пароль.", "form", 0, "+++", "login+", false},
		{"logging in", loggingIn, IconConnecting, IconConnecting, "Входим на шлюз gw.ru…", "form", 0, "---", "logout+", false},
		{"access", up, IconOK, IconOK, "Вы подключены, доступ открыт.", lan + gateway + "|Ваш адрес 10.0.0.5|Сессия до 18:05", 0, "   ", "logout+", false},
		{"until tomorrow", tomorrow, IconOK, IconOK, "Вы подключены, доступ открыт.", lan + gateway + "|Ваш адрес 10.0.0.5|Сессия до 24.11.2026 10:05", 0, "   ", "logout+", false},
		{"access, from an older gateway", fromOlder, IconOK, IconOK, "Вы подключены, доступ открыт.", "Вы вошли как ivanov" + gateway, 0, "   ", "logout+", false},
		{"expiring", soon, IconOK, IconAttention, "Вы подключены, доступ открыт.", lan + gateway + "|Ваш адрес 10.0.0.5|Сессия до 18:05", 2, "   ", "logout+", true},
		{"expiring, another password is needed", refused, IconOK, IconAttention, "Вы подключены, доступ открыт.", lan + gateway + "|Ваш адрес 10.0.0.5|Сессия до 18:05", 3, " + ", "logout+", true},
		{"the tunnel is coming up", tunnelStarting, IconConnecting, IconConnecting, "Вход выполнен, подключаем VPN…", vpn + gateway, 0, "   ", "logout+", false},
		{"the tunnel is up", tunnel, IconOK, IconOK, "VPN подключён.", vpn + gateway, 0, "   ", "logout+", false},
		{"the tunnel is blocked", blocked, IconAttention, IconAttention, "Сеть не пропускает VPN.", vpn + gateway, 0, "   ", "logout+", false},
		{"lost", statusOf(client.Reconnecting, "lost", ""), IconConnecting, IconConnecting, "Связь со шлюзом потеряна. Пробуем подключиться снова.", gateway, 0, "   ", "logout+", false},
		{"logged out", statusOf(client.Ended, "logout", ""), IconNone, IconNone, "Вы вышли. Доступ закрыт.", "form", 0, "+++", "login+", false},
		{"ended", statusOf(client.Ended, "admin", ""), IconAttention, IconAttention, "Администратор завершил вашу сессию.", "form", 0, "+++", "login+", false},
		{"ended by an administrator of the computer", statusOf(client.Ended, session.EndedLocally, "Его завершил администратор."), IconAttention, IconAttention, "Его завершил администратор.", "form", 0, "+++", "login+", false},
		{"refused", statusOf(client.Failed, "bad_credentials", "Неверный логин или пароль."), IconError, IconAttention, "Неверный логин или пароль.", "form", 0, "+++", "login+", false},
		{"the service does not answer", noService, IconError, IconAttention, "Служба не отвечает.", "form", 0, "+++", "login+", false},
		{"another user's access", other, IconAttention, IconAttention, taken, "", 1, "   ", " ", false},
		{"another user's access, for an administrator", mayEnd, IconAttention, IconAttention, taken, "", 0, "   ", "end+", false},
	} {
		content := BuildContent(input(c.is))
		fields := field(content.Login) + field(content.Password) + field(content.Address)
		main := string(content.Main.Action) + sign(content.Main.Enabled)
		if !content.Main.Shown {
			main = " "
		}
		if content.Icon != c.icon || content.Tray.Icon != c.tray || content.Status != c.status || card(content) != c.card ||
			len(content.Notes) != c.notes || fields != c.fields || main != c.main || content.Extend.Shown != c.extend {
			t.Errorf("%s: %s %s %q %q %q %q %q %v", c.name, content.Icon, content.Tray.Icon, content.Status, card(content), content.Notes, fields, main, content.Extend.Shown)
		}
	}
}

func card(content Content) string {
	if content.Form && content.Who == "" && len(content.Rows) == 0 {
		return "form"
	}
	text := content.Who
	for _, r := range content.Rows {
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
	in := input(v)
	in.Traffic = &Traffic{Received: 1503238553, Sent: 512}
	if got := card(BuildContent(in)); got != "Вы вошли как ivanov через VPN|Шлюз gw.ru|Получено 1,4 ГБ|Отправлено 512 Б" {
		t.Error(got)
	}
	in.Lang = locale.English
	if got := card(BuildContent(in)); got != "You are logged in as ivanov through VPN|Gateway gw.ru|Received 1.4 GB|Sent 512 B" {
		t.Error(got)
	}
	in.Status = statusOf(session.Ready, "", "")
	if got := card(BuildContent(in)); got != "form" {
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
	in := input(statusOf(session.Ready, "", ""))
	in.OwnMessage = "Введите логин."
	if content := BuildContent(in); content.Status != in.OwnMessage || content.Icon != IconAttention || len(content.Notes) != 0 {
		t.Errorf("%+v", content)
	}
	in.Status = statusOf(client.Authorized, "", "Вы подключены.")
	if content := BuildContent(in); content.Status != "Вы подключены." || content.Icon != IconOK || !reflect.DeepEqual(content.Notes, []string{in.OwnMessage}) {
		t.Errorf("%+v", content)
	}
}

func TestContentCheckboxes(t *testing.T) {
	both := settings.Personal{SavePassword: true, AutoConnect: true}
	for _, c := range []struct {
		name        string
		personal    settings.Personal
		banned      bool
		want        string // Save and Auto, each with + or - for checked and for enabled
		label       string // of Save
		placeholder string
	}{
		{"as installed", settings.Personal{}, false, "-+ -+", "Сохранить пароль", "Сохранён"},
		{"saved", settings.Personal{SavePassword: true}, false, "++ -+", "Сохранить пароль", "Сохранён"},
		{"both", both, false, "++ ++", "Сохранить пароль", "Сохранён"},
		{"no password, no automatic login", settings.Personal{AutoConnect: true}, false, "-+ -+", "Сохранить пароль", "Сохранён"},
		{"banned", both, true, "-- --", "Сохранять пароль запрещено политикой организации", ""},
	} {
		in := input(statusOf(session.Ready, "", ""))
		in.Personal, in.Saved, in.Restrictions.SavedPassword = c.personal, true, c.banned
		content := BuildContent(in)
		got := sign(content.Save.Checked) + sign(content.Save.Enabled) + " " + sign(content.Auto.Checked) + sign(content.Auto.Enabled)
		if got != c.want || content.Save.Label != c.label || content.Password.Placeholder != c.placeholder {
			t.Errorf("%s: %s %q %q", c.name, got, content.Save.Label, content.Password.Placeholder)
		}
	}
	in := input(statusOf(session.Ready, "", ""))
	in.Locked = true
	if content := BuildContent(in); content.Address.Enabled || content.Address.Hint != "Адрес шлюза задан политикой организации" {
		t.Errorf("%+v", content.Address)
	}
}

// The items and actions of the tray menu.
func TestMenu(t *testing.T) {
	access := statusOf(client.Authorized, "", "")
	soon := access
	soon.Notices = []client.Notice{{Code: client.NoticeExpiring, Message: "Скоро."}}
	other, mayEnd := statusOf(session.Idle, "", ""), statusOf(session.Idle, "", "")
	other.Holder, mayEnd.Holder, mayEnd.CanEnd = session.Other, session.Other, true
	for _, c := range []struct {
		name   string
		status session.Status
		want   string // actions; "|" = separator, "-" = disabled
	}{
		{"no access", statusOf(session.Ready, "", ""), "open | login | report log about | exit"},
		{"access", access, "open | logout | report log about | exit"},
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
	access, ready := statusOf(client.Authorized, "", ""), statusOf(session.Ready, "", "")
	lost, ended := statusOf(client.Reconnecting, "lost", ""), statusOf(client.Ended, "admin", "")
	blocked := statusOf(client.Authorized, "tunnel_blocked", "Сеть не пропускает VPN.")
	soon, sooner := access, access
	soon.Notices = []client.Notice{{Code: client.NoticeExpiring, Message: "30 мин."}}
	sooner.Notices = []client.Notice{{Code: client.NoticeExpiring, Message: "5 мин."}}
	noService := statusOf(session.Idle, "", "")
	noService.Problem = &session.Problem{Code: session.ServiceStopped, Message: "Служба не отвечает."}
	loggingIn := statusOf(client.Connecting, "", "")
	loggingIn.Login, loggingIn.Holder = "ivanov", session.You
	otherUser := ended
	otherUser.Holder = session.Other
	for _, c := range []struct {
		name    string
		was, is session.Status
		want    string
	}{
		{"no change", access, access, ""},
		{"login", ready, access, ""},
		{"refused login", ready, statusOf(client.Failed, "bad_credentials", "Нет."), ""},
		{"logout", access, statusOf(client.Ended, "logout", ""), ""},
		{"ended by an administrator", access, ended, "attention Администратор завершил вашу сессию."},
		{"ended by an administrator of this computer", access, statusOf(client.Ended, session.EndedLocally, "Его завершил администратор."), "attention Его завершил администратор."},
		{"ended before the access was shown", loggingIn, ended, "attention Администратор завершил вашу сессию."},
		{"cancelled login", loggingIn, statusOf(client.Ended, "logout", ""), ""},
		{"the same end again", ended, ended, ""},
		{"ended again before the new login was shown", statusOf(client.Ended, "expired", ""), ended, "attention Администратор завершил вашу сессию."},
		{"ended before the login after a refusal was shown", statusOf(client.Failed, "bad_credentials", "Нет."), ended, "attention Администратор завершил вашу сессию."},
		{"ended before the window was opened", statusOf(session.Idle, "", ""), ended, ""},
		{"the end after a loss", lost, ended, "attention Администратор завершил вашу сессию."},
		{"lost", access, lost, "connecting Связь со шлюзом потеряна. Пробуем подключиться снова."},
		{"still lost", lost, statusOf(client.Reconnecting, "unreachable", ""), ""},
		{"reconnected", lost, access, "ok Связь со шлюзом восстановлена, доступ открыт."},
		{"refused after a reconnect", lost, statusOf(client.Failed, "account_disabled", "Отключена."), "attention Отключена."},
		{"about to expire", access, soon, "attention 30 мин."},
		{"the same warning", soon, soon, ""},
		{"a later warning", soon, sooner, "attention 5 мин."},
		{"extended", sooner, access, ""},
		{"blocked", access, blocked, "attention Сеть не пропускает VPN."},
		{"still blocked", blocked, blocked, ""},
		{"reconnected, blocked", lost, blocked, "attention Сеть не пропускает VPN."},
		{"the service does not answer", access, noService, "attention Служба не отвечает."},
		{"still no service", noService, noService, ""},
		{"the service was restarted", access, statusOf(session.Idle, "", ""), "attention Вы не подключены."},
		{"another user's access", access, otherUser, ""},
	} {
		var texts []string
		for _, n := range Notifications(locale.Russian, c.was, c.is) {
			texts = append(texts, string(n.Icon)+" "+n.Text)
		}
		if got := strings.Join(texts, "; "); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
