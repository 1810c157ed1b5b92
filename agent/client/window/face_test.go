package window

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/keeper"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/seat"
	"ideco-agent/agent/client/settings"
)

var moscow = time.FixedZone("MSK", 3*3600)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, moscow)

// view is what a seat shows in a state, as the person's own.
func view(state client.State, code, message string) seat.View {
	v := seat.View{Status: keeper.Status{State: state, Code: code, Message: message, Server: "gw.ru"}, Control: seat.Free}
	switch state {
	case client.Authorized, client.TunnelUp, client.Reconnecting:
		v.Login, v.Control = "ivanov", seat.Yours
	}
	return v
}

func scene(v seat.View) Scene {
	return Scene{View: v, Lang: locale.Russian, Server: "gw.ru", Typed: Typed{"ivanov", "", "gw.ru"}, Now: noon}
}

// Whatever is refused or ends, there is a text for it, also when the gateway sent none.
func TestEveryStatusHasWords(t *testing.T) {
	var views []seat.View
	for _, code := range append(append([]agent.Code{}, agent.Codes...), agent.AgentCodes...) {
		views = append(views, view(client.Failed, string(code), ""), view(client.Authorized, string(code), ""))
	}
	for _, reason := range agent.Reasons {
		views = append(views, view(client.Ended, string(reason), ""), view(client.Reconnecting, string(reason), ""))
	}
	for _, state := range []client.State{keeper.Resting, keeper.Ready, client.Connecting, client.Authorized, client.TunnelUp,
		client.Reconnecting, client.Ended, client.Failed, "a newer state"} {
		views = append(views, view(state, "", ""))
	}
	for _, code := range []string{seat.Busy, seat.NoGateway, seat.BadSettings, seat.ServiceStopped, seat.ServiceUntrusted} {
		v := view(keeper.Resting, "", "")
		v.Problem = &seat.Problem{Code: code, Message: "Слова."}
		views = append(views, v)
	}
	other := view(keeper.Resting, "", "")
	other.Control = seat.Other
	for _, v := range append(views, other) {
		for _, lang := range []locale.Lang{locale.Russian, locale.English} {
			s := scene(v)
			s.Lang = lang
			f := Paint(s)
			if f.Status == "" || strings.Contains(f.Status, "{") || strings.Contains(strings.ToLower(f.Status), "unknown") ||
				strings.Contains(strings.ToLower(f.Status), "неизвестн") {
				t.Errorf("%s %s in %s: %q", v.State, v.Code, lang, f.Status)
			}
			if !v.HasAccess() && (f.Icon == IconOK || f.Tray.Icon == IconOK || len(f.Details) > 0) {
				t.Errorf("%s %s looks like access: %+v", v.State, v.Code, f)
			}
			if f.Tray.Icon == IconError || f.Main.Text == "" || !f.Main.Shown || len(f.Tray.Tip) == 0 {
				t.Errorf("%s %s: %+v", v.State, v.Code, f)
			}
		}
	}
}

func TestPaintStates(t *testing.T) {
	up := view(client.Authorized, "", "Вы подключены, доступ открыт.")
	up.Mode, up.Address, up.Expires = client.ModeLAN, "10.0.0.5", "2026-11-23T15:05:00Z"
	tomorrow := up
	tomorrow.Expires = "2026-11-24T07:05:00Z"
	expiring := up
	expiring.Notices = []keeper.Notice{{Code: "shadowed", Message: "Сеть."}, {Code: client.NoticeExpiring, Message: "Скоро."}}
	rising := view(client.Authorized, "", "Вход выполнен, подключаем VPN…")
	rising.Mode = client.ModeVPN
	tunnel := view(client.TunnelUp, "", "VPN подключён.")
	tunnel.Mode = client.ModeVPN
	blocked := view(client.Authorized, "tunnel_blocked", "Сеть не пропускает VPN.")
	blocked.Mode = client.ModeVPN
	entering := view(client.Connecting, "", "")
	entering.Login = "ivanov"
	other, mayEnd := view(keeper.Resting, "", ""), view(keeper.Resting, "", "")
	other.Control, mayEnd.Control, mayEnd.CanEnd = seat.Other, seat.Other, true

	who := "Вы вошли как ivanov, в сети"
	for _, c := range []struct {
		name       string
		view       seat.View
		icon, tray Icon
		status     string
		details    string
		notes      int
		fields     string // login, password, address: + enabled
		main       string
		extend     bool
	}{
		{"resting", view(keeper.Resting, "", ""), IconNone, IconNone, "Вы не подключены.", "", 0, "+++", "login+", false},
		{"knocking", view(client.Connecting, "", ""), IconConnecting, IconConnecting, "Подключаемся к шлюзу gw.ru…", "", 0, "+++", "login+", false},
		{"ready", view(keeper.Ready, "", ""), IconNone, IconNone, "Связь с сервером установлена.", "", 0, "+++", "login+", false},
		{"entering", entering, IconConnecting, IconConnecting, "Входим на шлюз gw.ru…", "", 0, "---", "logout+", false},
		{"in", up, IconOK, IconOK, "Вы подключены, доступ открыт.", who + "|Адрес 10.0.0.5|Сессия до 18:05", 0, "---", "logout+", false},
		{"until tomorrow", tomorrow, IconOK, IconOK, "Вы подключены, доступ открыт.", who + "|Адрес 10.0.0.5|Сессия до 24.11.2026 10:05", 0, "---", "logout+", false},
		{"expiring", expiring, IconOK, IconAttention, "Вы подключены, доступ открыт.", who + "|Адрес 10.0.0.5|Сессия до 18:05", 2, "-+-", "logout+", true},
		{"the tunnel is coming", rising, IconConnecting, IconConnecting, "Вход выполнен, подключаем VPN…", "Вы вошли как ivanov, через VPN", 0, "---", "logout+", false},
		{"the tunnel is up", tunnel, IconOK, IconOK, "VPN подключён.", "Вы вошли как ivanov, через VPN", 0, "---", "logout+", false},
		{"the tunnel is blocked", blocked, IconAttention, IconAttention, "Сеть не пропускает VPN.", "Вы вошли как ivanov, через VPN", 0, "---", "logout+", false},
		{"lost", view(client.Reconnecting, "lost", ""), IconConnecting, IconConnecting, "Связь со шлюзом потеряна. Пробуем подключиться снова.", "", 0, "---", "logout+", false},
		{"out", view(client.Ended, "logout", ""), IconNone, IconNone, "Вы вышли. Доступ закрыт.", "", 0, "+++", "login+", false},
		{"ended", view(client.Ended, "admin", ""), IconAttention, IconAttention, "Администратор завершил вашу сессию.", "", 0, "+++", "login+", false},
		{"taken away", view(client.Ended, seat.Taken, "Его завершил администратор."), IconAttention, IconAttention, "Его завершил администратор.", "", 0, "+++", "login+", false},
		{"refused", view(client.Failed, "bad_credentials", "Неверный логин или пароль."), IconError, IconAttention, "Неверный логин или пароль.", "", 0, "+++", "login+", false},
		{"taken", other, IconAttention, IconAttention, "Занято: доступ на этом компьютере сейчас открыт в другом сеансе Windows.", "", 0, "---", "login-", false},
		{"taken, and an administrator looks", mayEnd, IconAttention, IconAttention, "Занято: доступ на этом компьютере сейчас открыт в другом сеансе Windows.", "", 0, "---", "end+", false},
	} {
		f := Paint(scene(c.view))
		fields := sign(f.Login.Enabled) + sign(f.Password.Enabled) + sign(f.Address.Enabled)
		main := string(f.Main.Act) + sign(f.Main.Enabled)
		if f.Icon != c.icon || f.Tray.Icon != c.tray || f.Status != c.status || strings.Join(f.Details, "|") != c.details ||
			len(f.Notes) != c.notes || fields != c.fields || main != c.main || f.Extend.Shown != c.extend {
			t.Errorf("%s: %s %s %q %q %q %s %s %v", c.name, f.Icon, f.Tray.Icon, f.Status, f.Details, f.Notes, fields, main, f.Extend.Shown)
		}
	}
}

func sign(enabled bool) string {
	if enabled {
		return "+"
	}
	return "-"
}

// The window's own words never hide how it stands with the access.
func TestPaintWord(t *testing.T) {
	s := scene(view(keeper.Ready, "", ""))
	s.Word = "Введите логин."
	if f := Paint(s); f.Status != s.Word || f.Icon != IconAttention || len(f.Notes) != 0 {
		t.Errorf("%+v", f)
	}
	s.View = view(client.Authorized, "", "Вы подключены.")
	if f := Paint(s); f.Status != "Вы подключены." || f.Icon != IconOK || !reflect.DeepEqual(f.Notes, []string{s.Word}) {
		t.Errorf("%+v", f)
	}
}

func TestPaintChecks(t *testing.T) {
	both := settings.Personal{SavePassword: true, AutoConnect: true}
	for _, c := range []struct {
		name     string
		personal settings.Personal
		banned   bool
		want     string // save, auto: ticked, enabled
		label    string // of save
		cue      string
	}{
		{"as installed", settings.Personal{}, false, "-+ -+", "Сохранить пароль", "Сохранён"},
		{"saved", settings.Personal{SavePassword: true}, false, "++ -+", "Сохранить пароль", "Сохранён"},
		{"both", both, false, "++ ++", "Сохранить пароль", "Сохранён"},
		{"no password, no automatic login", settings.Personal{AutoConnect: true}, false, "-+ -+", "Сохранить пароль", "Сохранён"},
		{"banned", both, true, "-- --", "Сохранять пароль запрещено политикой организации", ""},
	} {
		s := scene(view(keeper.Ready, "", ""))
		s.Personal, s.Saved, s.Bans.SavedPassword = c.personal, true, c.banned
		f := Paint(s)
		got := sign(f.Save.Ticked) + sign(f.Save.Enabled) + " " + sign(f.Auto.Ticked) + sign(f.Auto.Enabled)
		if got != c.want || f.Save.Label != c.label || f.Password.Cue != c.cue {
			t.Errorf("%s: %s %q %q", c.name, got, f.Save.Label, f.Password.Cue)
		}
	}
	s := scene(view(keeper.Ready, "", ""))
	s.Locked = true
	if f := Paint(s); f.Address.Enabled || f.Address.Hint != "Адрес шлюза задан политикой организации" {
		t.Errorf("%+v", f.Address)
	}
}

// What support asks for stands above the log, which is only a part of it.
func TestMenu(t *testing.T) {
	in := view(client.Authorized, "", "")
	soon := in
	soon.Notices = []keeper.Notice{{Code: client.NoticeExpiring, Message: "Скоро."}}
	other, mayEnd := view(keeper.Resting, "", ""), view(keeper.Resting, "", "")
	other.Control, mayEnd.Control, mayEnd.CanEnd = seat.Other, seat.Other, true
	for _, c := range []struct {
		name string
		view seat.View
		want string // a line is "|"; an item that cannot be chosen has a "-"
	}{
		{"out", view(keeper.Ready, "", ""), "open | login | report log about | exit"},
		{"in", in, "open | logout | report log about | exit"},
		{"about to expire", soon, "open | logout extend | report log about | exit"},
		{"somebody else's", other, "open | login- | report log about | exit"},
		{"somebody else's, and an administrator looks", mayEnd, "open | end | report log about | exit"},
	} {
		var items []string
		for _, i := range Paint(scene(c.view)).Tray.Menu {
			switch {
			case i == (Item{}):
				items = append(items, "|")
			case i.Text == "" || i.Act == "":
				t.Errorf("%s: %+v", c.name, i)
			case !i.Enabled:
				items = append(items, string(i.Act)+"-")
			default:
				items = append(items, string(i.Act))
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

func TestTell(t *testing.T) {
	in, ready := view(client.Authorized, "", ""), view(keeper.Ready, "", "")
	lost, ended := view(client.Reconnecting, "lost", ""), view(client.Ended, "admin", "")
	blocked := view(client.Authorized, "tunnel_blocked", "Сеть не пропускает VPN.")
	soon, sooner := in, in
	soon.Notices = []keeper.Notice{{Code: client.NoticeExpiring, Message: "30 мин."}}
	sooner.Notices = []keeper.Notice{{Code: client.NoticeExpiring, Message: "5 мин."}}
	gone := view(keeper.Resting, "", "")
	gone.Problem = &seat.Problem{Code: seat.ServiceStopped, Message: "Служба не отвечает."}
	entering := view(client.Connecting, "", "")
	entering.Login, entering.Control = "ivanov", seat.Yours
	stranger := ended
	stranger.Control = seat.Other
	for _, c := range []struct {
		name    string
		was, is seat.View
		want    string
	}{
		{"nothing", in, in, ""},
		{"the login that was asked for", ready, in, ""},
		{"a refusal of it", ready, view(client.Failed, "bad_credentials", "Нет."), ""},
		{"the logout that was asked for", in, view(client.Ended, "logout", ""), ""},
		{"the administrator's end", in, ended, "attention Администратор завершил вашу сессию."},
		{"taken by an administrator of this computer", in, view(client.Ended, seat.Taken, "Его завершил администратор."), "attention Его завершил администратор."},
		{"an end so soon that nobody saw the access", entering, ended, "attention Администратор завершил вашу сессию."},
		{"the attempt that was given up", entering, view(client.Ended, "logout", ""), ""},
		{"the same end again", ended, ended, ""},
		{"the end after a loss", lost, ended, "attention Администратор завершил вашу сессию."},
		{"lost", in, lost, "connecting Связь со шлюзом потеряна. Пробуем подключиться снова."},
		{"still lost", lost, view(client.Reconnecting, "unreachable", ""), ""},
		{"back", lost, in, "ok Связь со шлюзом восстановлена, доступ открыт."},
		{"refused on the way back", lost, view(client.Failed, "account_disabled", "Отключена."), "attention Отключена."},
		{"about to expire", in, soon, "attention 30 мин."},
		{"told", soon, soon, ""},
		{"told again later", soon, sooner, "attention 5 мин."},
		{"extended", sooner, in, ""},
		{"blocked", in, blocked, "attention Сеть не пропускает VPN."},
		{"blocked still", blocked, blocked, ""},
		{"back, and blocked", lost, blocked, "attention Сеть не пропускает VPN."},
		{"the service has gone", in, gone, "attention Служба не отвечает."},
		{"gone still", gone, gone, ""},
		{"the service came anew", in, view(keeper.Resting, "", ""), "attention Вы не подключены."},
		{"somebody else's", in, stranger, ""},
	} {
		var said []string
		for _, n := range Tell(locale.Russian, c.was, c.is) {
			said = append(said, string(n.Icon)+" "+n.Text)
		}
		if got := strings.Join(said, "; "); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
