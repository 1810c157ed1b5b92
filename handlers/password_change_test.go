package handlers

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/agent/store"
)

// oneDirectory is a directory with one person. It refuses the new password "weak".
type oneDirectory struct {
	user     agent.User
	password string
	expired  bool
	off      bool // passwords are not changed here
	logins   []string
}

func (d *oneDirectory) Find(_ context.Context, login string) (agent.Account, error) {
	d.logins = append(d.logins, login)
	a := agent.Account{Key: d.user.AccountKey(), Known: true, UserID: d.user.ID, Authenticate: func(_ context.Context, c agent.Credentials) (agent.User, error) {
		switch {
		case c.Password != d.password:
			return agent.User{}, agent.Refuse(agent.CodeBadCredentials)
		case d.expired:
			return agent.User{}, &agent.Error{Code: agent.CodePasswordExpired, MayChange: !d.off, Policy: &agent.PasswordPolicy{MinLength: 7}}
		}
		return d.user, nil
	}}
	if !d.off {
		a.ChangePassword = func(_ context.Context, c agent.Credentials, next string) (agent.User, error) {
			switch {
			case c.Password != d.password:
				return agent.User{}, agent.Refuse(agent.CodeBadCredentials)
			case next == "weak":
				return agent.User{}, &agent.Error{Code: agent.CodePasswordRejected, Policy: &agent.PasswordPolicy{MinLength: 7, History: 24, Complex: true}}
			}
			d.password, d.expired = next, false
			return d.user, nil
		}
	}
	return a, nil
}

func (d *oneDirectory) Knows(context.Context, string) (agent.UserID, bool, error) {
	return d.user.ID, true, nil
}

func (d *oneDirectory) VerifyTicket(context.Context, []byte) (agent.User, error) {
	return agent.User{}, agent.Refuse(agent.CodeSSORefused)
}

// withDirectory makes ivanov the person of a directory, whose setting is changes.
func withDirectory(t *testing.T, s *Site, changes agent.PasswordChange) *oneDirectory {
	t.Helper()
	db := s.AgentHosts.(*store.Store)
	u, _, err := db.LocalAccount(t.Context(), "ivanov")
	if err != nil {
		t.Fatal(err)
	}
	u.Directory, u.GUID = "company.local", "guid"
	known := s.Directories.(*fakeDirectories)
	known.saved = append(known.saved, agent.DirectorySettings{ID: 1, Name: "company.local", Kind: agent.DirectoryAD, PasswordChange: changes})
	known.accounts[u.ID] = u
	d := &oneDirectory{user: u, password: "old", expired: true, off: changes == agent.PasswordChangeOff}
	s.Gate = access.NewGate(d, db, s.Log)
	s.Sessions = access.NewManager(access.Config{Gate: s.Gate, Store: db, Settings: s.Settings.Current, Log: s.Log, Firewall: nil})
	return d
}

// stranger posts forms without a sign-in.
func (a administration) stranger() administration {
	return administration{a.t, a.site, a.gate, a.h, nil}
}

func newLogin(login, password, psw, psw2 string) url.Values {
	return url.Values{"login": {login}, "password": {password}, "psw": {psw}, "psw2": {psw2}}
}

// TestSignInMustChange: an account that must change its password gets a form for a new one instead of a sign-in.
func TestSignInMustChange(t *testing.T) {
	t.Parallel() // it waits
	a := newAdministration(t)
	db := a.site.AgentHosts.(*store.Store)
	u, _, err := db.LocalAccount(t.Context(), "ivanov")
	if err != nil {
		t.Fatal(err)
	}
	before := signIn(t, a.site, "ivanov")
	if _, err := db.UpdateUser(t.Context(), u.ID, func(u *agent.User) error { u.MustChange = true; return nil }); err != nil {
		t.Fatal(err)
	}
	stranger := a.stranger()
	refused := stranger.post("/login", url.Values{"login": {"ivanov"}, "password": {password}})
	page := refused.Body.String()
	form := goqueryFind(t, page, `form[action="/login/password"]`)
	if refused.Code != http.StatusForbidden || form.Find(`input[name=login][readonly]`).AttrOr("value", "") != "ivanov" || form.Find("input[type=password]").Length() != 3 {
		t.Fatalf("%d %s", refused.Code, page)
	}
	if !says(t, page, ".banner", "Перед входом пароль нужно сменить. Придумайте новый") || !says(t, page, "#psw-note", "не короче 8 знаков; отличается от нынешнего") {
		t.Error(page)
	}
	if len(refused.Result().Cookies()) > 0 && strings.Contains(refused.Header().Get("Set-Cookie"), browserCookie+"=") {
		t.Error("signed in all the same")
	}
	const next = "a new long password"
	for what, test := range map[string]struct {
		form        url.Values
		status      int
		field, text string
	}{
		"nothing typed":    {newLogin("ivanov", password, "", ""), 400, "#psw-note", "Заполните это поле"},
		"no old one":       {newLogin("ivanov", "", next, next), 400, "#password-note", "Заполните это поле"},
		"typed once":       {newLogin("ivanov", password, next, "another"), 400, "#psw2-note", "не совпадают"},
		"short":            {newLogin("ivanov", password, "short", "short"), 403, "#psw-note", "не короче 8 знаков"},
		"the same":         {newLogin("ivanov", password, password, password), 403, "#psw-note", "отличается от нынешнего"},
		"wrong old":        {newLogin("ivanov", "wrong", next, next), 401, "#password-note", "Неверный логин или пароль"},
		"unknown login":    {newLogin("nobody", password, next, next), 401, "#password-note", "Неверный логин или пароль"},
		"markup as login":  {newLogin("<b>x</b>", "wrong", next, next), 401, "#password-note", "Неверный логин или пароль"},
		"NUL in a new one": {newLogin("ivanov", password, next+"\x00", next+"\x00"), 403, "#psw-note", "не принят"},
	} {
		w := stranger.post("/login/password", test.form)
		if w.Code != test.status || !says(t, w.Body.String(), test.field, test.text) || goqueryFind(t, w.Body.String(), "form b").Length() != 0 {
			t.Errorf("%s: %d %s", what, w.Code, goqueryFind(t, w.Body.String(), "form").Text())
		}
	}
	changed := stranger.post("/login/password", newLogin("ivanov", password, next, next))
	if changed.Code != http.StatusSeeOther || changed.Header().Get("Location") != "/cabinet" {
		t.Fatalf("%d %s", changed.Code, changed.Header().Get("Location"))
	}
	if w := ask(a.h, "GET", "/cabinet", 0, inLAN, changed.Result().Cookies()); w.Code != http.StatusOK {
		t.Errorf("after the change: %d", w.Code)
	}
	if w := ask(a.h, "GET", "/cabinet", 0, inLAN, before); w.Code == http.StatusOK {
		t.Error("the other browser is still signed in")
	}
	if w := stranger.post("/login", url.Values{"login": {"ivanov"}, "password": {next}}); w.Code != http.StatusSeeOther {
		t.Errorf("the next sign-in: %d", w.Code)
	}
}

// TestSignInExpired: a person of a directory sets a new password on the sign-in page, where its setting permits it.
func TestSignInExpired(t *testing.T) {
	t.Parallel() // it waits
	a := newAdministration(t)
	d := withDirectory(t, a.site, agent.PasswordChangeAuto)
	stranger := a.stranger()
	w := stranger.post("/login", url.Values{"login": {"ivanov"}, "password": {"old"}})
	if goqueryFind(t, w.Body.String(), `form[action="/login/password"]`).Length() != 1 || !says(t, w.Body.String(), "#psw-note", "не короче 7 знаков") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	w = stranger.post("/login/password", newLogin("ivanov", "old", "weak", "weak"))
	if text := goqueryFind(t, w.Body.String(), "#psw-note").Text(); w.Code != 403 || !strings.Contains(text, "не короче 7 знаков") ||
		!strings.Contains(text, "отличается от 24 последних паролей") || !strings.Contains(text, "заглавные буквы") {
		t.Errorf("%d %s", w.Code, text)
	}
	w = stranger.post("/login/password", newLogin("ivanov", "old", "new", "new"))
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != cabinetChanged || d.password != "new" {
		t.Fatalf("%d %s", w.Code, w.Header())
	}
	cabinet := ask(a.h, "GET", cabinetChanged, 0, inLAN, w.Result().Cookies())
	if !says(t, cabinet.Body.String(), ".banner.ok", "Win+L") {
		t.Error(goqueryFind(t, cabinet.Body.String(), ".banner").Text())
	}

	a = newAdministration(t)
	withDirectory(t, a.site, agent.PasswordChangeOff)
	w = a.stranger().post("/login", url.Values{"login": {"ivanov"}, "password": {"old"}})
	if goqueryFind(t, w.Body.String(), `form[action="/login/password"]`).Length() != 0 || !says(t, w.Body.String(), ".banner", "Через шлюз его сменить нельзя") {
		t.Errorf("switched off: %s", w.Body)
	}
	w = a.stranger().post("/login/password", newLogin("ivanov", "old", "new", "new"))
	if !says(t, w.Body.String(), ".banner", "нельзя сменить здесь") || goqueryFind(t, w.Body.String(), `form[action="/login/password"]`).Length() != 0 {
		t.Errorf("switched off: %d %s", w.Code, w.Body)
	}
}

// TestCabinetPassword: a person of a directory changes the password in the cabinet, by the login that means this account only.
func TestCabinetPassword(t *testing.T) {
	a := newAdministration(t)
	cookies := signIn(t, a.site, "ivanov")
	other := signIn(t, a.site, "ivanov")
	d := withDirectory(t, a.site, agent.PasswordChangeAuto)
	db := a.site.AgentHosts.(*store.Store)
	if _, err := db.UpdateUser(t.Context(), d.user.ID, func(u *agent.User) error { u.PasswordExpires = time.Now().Add(50 * time.Hour); return nil }); err != nil {
		t.Fatal(err)
	}
	person := administration{t, a.site, a.gate, a.h, cookies}
	if page := person.get("/cabinet"); !says(t, page, ".banner.warn", "Пароль истечёт через 2 дня") || !says(t, page, ".banner.warn", "в Ideco агенте или в личном кабинете") {
		t.Error(goqueryFind(t, page, ".banner").Text())
	}
	form := func(current, psw string) url.Values {
		return url.Values{"current": {current}, "psw": {psw}, "psw2": {psw}}
	}
	for field, f := range map[string]url.Values{"#current-note": form("wrong", "new"), "#psw-note": form("old", "weak")} {
		if w := person.post("/cabinet/password", f); w.Code != 400 || goqueryFind(t, w.Body.String(), field).Text() == "" {
			t.Errorf("%s: %d", field, w.Code)
		}
	}
	w := person.post("/cabinet/password", form("old", "new"))
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != cabinetChanged || d.password != "new" {
		t.Errorf("%d %s", w.Code, w.Header())
	}
	for _, login := range d.logins {
		if login != `company.local\ivanov` {
			t.Errorf("login %q", login)
		}
	}
	person.get("/cabinet")
	if w := ask(a.h, "GET", "/cabinet", 0, inLAN, other); w.Code == http.StatusOK {
		t.Error("the other browser is still signed in")
	}
	a.site.Directories.(*fakeDirectories).saved[0].PasswordChange = agent.PasswordChangeOff
	if page := person.get("/cabinet"); !says(t, page, "[aria-labelledby=password-title]", "обратитесь к вашему системному администратору") {
		t.Error("the form is there although it is switched off")
	}
	if w := person.post("/cabinet/password", form("new", "newer")); w.Code != http.StatusForbidden || d.password != "new" {
		t.Errorf("switched off: %d", w.Code)
	}
}

// TestAgentChangesPassword: change_password works before a login and in a session, which goes on.
func TestAgentChangesPassword(t *testing.T) {
	t.Parallel() // it waits
	s := newSite(t)
	server := httptest.NewServer(s.AgentHandler())
	t.Cleanup(server.Close)
	conn := dialServer(t, server)
	change := func(conn *websocket.Conn, old, next string) map[string]any {
		t.Helper()
		frame, _ := json.Marshal(map[string]any{"type": "change_password", "login": "ivanov", "password": old, "new_password": next, "device": map[string]string{"id": "d"}})
		return askAgent(t, conn, frame)
	}
	for old, code := range map[string]string{"wrong": "bad_credentials", "": "bad_credentials"} {
		if m := change(conn, old, "a new long password"); m["type"] != "auth_state" || m["code"] != code || m["authorized"] != false {
			t.Errorf("%q: %v", old, m)
		}
	}
	if m := change(conn, password, "short"); m["code"] != "password_rejected" || !strings.Contains(m["message"].(string), "8") {
		t.Error(m)
	}
	if m := change(conn, password, "a new long password"); m["code"] != "password_changed" || m["authorized"] != false || m["message"] == "" {
		t.Error(m)
	}
	if m := askAgent(t, conn, []byte(`{"type":"authorize","login":"ivanov","password":"`+password+`"}`)); m["code"] != "bad_credentials" {
		t.Error(m)
	}
	s.Settings.(*fixedSettings).now.Enabled = false
	if m := change(conn, "a new long password", password); m["code"] != "agent_disabled" {
		t.Error(m)
	}
}

// TestAgentMayChange: the refusal of an expired password says whether change_password is possible.
func TestAgentMayChange(t *testing.T) {
	for way, want := range map[agent.PasswordChange]any{agent.PasswordChangeAuto: true, agent.PasswordChangeOff: nil} {
		s := newSite(t)
		withDirectory(t, s, way)
		m := askAgent(t, dialAgent(t, s), []byte(`{"type":"authorize","login":"ivanov","password":"old"}`))
		if m["code"] != "password_expired" || m["change_password"] != want {
			t.Errorf("%s: %v", way, m)
		}
	}
}

// TestAgentWarnedOfExpiry: after a login the agent gets a notice that the password expires soon; a change in the session sends none.
func TestAgentWarnedOfExpiry(t *testing.T) {
	t.Parallel() // it waits
	for left, want := range map[time.Duration]string{3*24*time.Hour + time.Hour: "через 3 дня", 5 * time.Hour: "меньше чем через сутки", 15 * 24 * time.Hour: "", -time.Hour: ""} {
		s, _ := withFirewall(t)
		db := s.Accounts.(accounts).Store
		u, _, err := db.LocalAccount(t.Context(), "ivanov")
		if err != nil {
			t.Fatal(err)
		}
		expires := time.Now().Add(left)
		if _, err := db.UpdateUser(t.Context(), u.ID, func(u *agent.User) error { u.PasswordExpires = expires; return nil }); err != nil {
			t.Fatal(err)
		}
		conn := dialAgent(t, s)
		m := askAgent(t, conn, []byte(`{"type":"authorize","login":"ivanov","password":"`+password+`","device":{"id":"d"}}`))
		session := m["session"]
		if m["authorized"] != true || hear(t, conn)["type"] != "address_token" {
			t.Fatal(m)
		}
		if want != "" {
			if m := hear(t, conn); m["type"] != "notice" || m["code"] != "password_expiring" || !strings.Contains(m["message"].(string), want) ||
				m["expires"] != expires.UTC().Format(time.RFC3339) {
				t.Errorf("%v: %v", left, m)
			}
		}
		for _, test := range [][2]string{{"short", "password_rejected"}, {"a new long password", "password_changed"}} {
			next, code := test[0], test[1]
			m := askAgent(t, conn, []byte(`{"type":"change_password","login":"ivanov","password":"`+password+`","new_password":"`+next+`"}`))
			if m["authorized"] != true || m["code"] != code {
				t.Errorf("in a session: %v", m)
			}
		}
		if live := s.Sessions.Sessions(); len(live) != 1 || live[0].ID != session {
			t.Errorf("%v", live)
		}
	}
}
