package window

import (
	"strings"
	"testing"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/session"
)

// The form that changes the password takes the place of form and card.
func TestContentChange(t *testing.T) {
	refused := statusOf(client.Failed, "password_expired", "Истёк.")
	loggingIn := statusOf(client.Connecting, "", "")
	loggingIn.Login, loggingIn.Holder = "ivanov", session.You
	access, other := statusOf(client.Authorized, "", "Вы подключены."), statusOf(session.Idle, "", "")
	access.Notices = []client.Notice{{Code: client.NoticeExpiring, Message: "Скоро."}}
	other.Holder = session.Other
	const expired, live = "Сменить пароль и войти change_password", "Сменить пароль change_password"
	for _, c := range []struct {
		name   string
		is     session.Status
		change ChangeInput
		fields string // login, password, address, current, new, repeat; see TestBuildContent
		main   string // text and action, with + enabled or - disabled
		other  string // likewise; " " hidden
		who    string
		tray   string // actions of the menu, up to the second separator
	}{
		{"not possible", refused, ChangeInput{}, "+++   ", "Авторизоваться login+", " ", "", "login"},
		{"possible", refused, ChangeInput{Possible: true}, "+++   ", "Авторизоваться login+", "Сменить пароль… open_change+", "", "login open_change"},
		{"open", refused, ChangeInput{Possible: true, Open: true}, "    ++", expired + "+", "Назад close_change+", "Смена пароля для petrov", "change_password"},
		{"asked for", refused, ChangeInput{Open: true, Running: true}, "    --", expired + "-", "Назад close_change-", "Смена пароля для petrov", "change_password-"},
		{"changing", loggingIn, ChangeInput{Open: true, Running: true}, "    --", "Отмена logout+", "Назад close_change-", "Смена пароля для petrov", "logout"},
		{"possible on the card", access, ChangeInput{Possible: true}, "      ", "Разавторизоваться logout+", "Сменить пароль… open_change+", "Вы вошли как ivanov", "logout extend open_change"},
		{"open on the card", access, ChangeInput{Possible: true, Open: true}, "   +++", live + "+", "Назад close_change+", "Вы вошли как ivanov", "logout"},
		{"changing on the card", access, ChangeInput{Open: true, Running: true}, "   ---", live + "-", "Назад close_change-", "Вы вошли как ivanov", "logout"},
		{"lost on the card", statusOf(client.Reconnecting, "lost", ""), ChangeInput{Open: true}, "   +++", live + "-", "Назад close_change+", "", "logout"},
		{"another user's access", other, ChangeInput{Open: true}, "      ", "Авторизоваться login-", " ", "", "login-"},
	} {
		in := input(c.is)
		in.Change = c.change
		in.Change.Login = "petrov"
		content := BuildContent(in)
		fields := ""
		for _, f := range []Field{content.Login, content.Password, content.Address, content.Current, content.New, content.Repeat} {
			fields += field(f)
		}
		button := func(b Button) string { return b.Text + " " + string(b.Action) + sign(b.Enabled) }
		other := button(content.Toggle)
		if !content.Toggle.Shown {
			other = " "
		}
		var tray []string
		for _, i := range content.Tray.Menu[2:] {
			if i == (Item{}) {
				break
			}
			tray = append(tray, strings.TrimSuffix(string(i.Action)+sign(i.Enabled), "+"))
		}
		if fields != c.fields || button(content.Main) != c.main || other != c.other || content.Who != c.who || strings.Join(tray, " ") != c.tray {
			t.Errorf("%s: %q %q %q %q %q", c.name, fields, button(content.Main), other, content.Who, tray)
		}
		if open := strings.Contains(c.fields[3:], "+") || strings.Contains(c.fields[3:], "-"); content.Change != open || open && (content.Form || len(content.Rows)+len(content.Who) == 0 && c.who != "") {
			t.Errorf("%s: %+v", c.name, content)
		}
	}
}

// A notice of the gateway that the password expires is shown, also at the tray icon.
func TestPasswordExpiring(t *testing.T) {
	was := statusOf(client.Authorized, "", "")
	is := was
	is.Notices = []client.Notice{{Code: client.NoticePasswordExpiring, Message: "Пароль истечёт через 3 дня."}}
	if content := contentOf(is); len(content.Notes) != 1 || content.Notes[0] != is.Notices[0].Message || content.Extend.Shown {
		t.Errorf("%+v", content)
	}
	if list := Notifications("ru", was, is); len(list) != 1 || list[0].Text != is.Notices[0].Message || list[0].Icon != IconAttention {
		t.Errorf("%+v", list)
	}
	if list := Notifications("ru", is, is); len(list) != 0 {
		t.Errorf("again: %+v", list)
	}
}

// The first field of the form gets the focus when the form opens, and the main button when the card is back.
func TestFocusOfChange(t *testing.T) {
	refused, access := statusOf(client.Failed, "password_expired", ""), statusOf(client.Authorized, "", "")
	loggingIn := statusOf(client.Connecting, "", "")
	loggingIn.Login, loggingIn.Holder = "ivanov", session.You
	open := func(v session.Status, running bool) Content {
		in := input(v)
		in.Change = ChangeInput{Possible: true, Open: true, Running: running}
		return BuildContent(in)
	}
	for _, c := range []struct {
		name    string
		was, is Content
		at      control
		want    control
	}{
		{"a login is refused", contentOf(loggingIn), open(refused, false), controlPassword, controlNew},
		{"opened on the card", contentOf(access), open(access, false), controlToggle, controlCurrent},
		{"asked for", open(refused, false), open(loggingIn, true), controlRepeat, controlRepeat},
		{"asked for by the button", open(refused, false), open(loggingIn, true), controlMain, controlMain},
		{"refused", open(loggingIn, true), open(refused, false), controlRepeat, controlNew},
		{"refused on the card", open(access, true), open(access, false), controlRepeat, controlCurrent},
		{"changed", open(loggingIn, true), contentOf(access), controlRepeat, controlMain},
		{"changed on the card", open(access, true), contentOf(access), controlRepeat, controlMain},
		{"back to the form", open(refused, false), contentOf(refused), controlToggle, controlPassword},
		{"back to the card", open(access, false), contentOf(access), controlToggle, controlMain},
		{"the button is disabled", open(access, false), open(access, true), controlMain, controlNew},
		{"another window, then the form", open(refused, false), open(refused, false), "", controlNew},
	} {
		got := nextFocus(c.was, c.is, c.at, controlPassword)
		if got != c.want || got != "" && !c.is.canFocus(got) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
