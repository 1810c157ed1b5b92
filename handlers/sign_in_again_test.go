package handlers

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"ideco-agent/templates"
)

// postWithCookies posts a form. from is the header Sec-Fetch-Site; empty for none.
func (a administration) postWithCookies(path, from string, form url.Values, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "https://gw.example.test"+path, strings.NewReader(form.Encode()))
	r.RemoteAddr = fromLAN
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if from != "" {
		r.Header.Set("Sec-Fetch-Site", from)
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	a.h.ServeHTTP(w, r)
	return w
}

// formWithAction returns the action and the fields of the form on a page, with the hidden ones.
func formWithAction(t *testing.T, page string) (action string, form url.Values) {
	t.Helper()
	found := goqueryFind(t, page, "main form")
	form = url.Values{}
	found.Find("input").Each(func(_ int, s *goquery.Selection) { form.Add(s.AttrOr("name", ""), s.AttrOr("value", "")) })
	return found.AttrOr("action", ""), form
}

// TestSignInAgain: a form that comes after the sign-in has expired is kept without its passwords. After a new sign-in it is carried out.
func TestSignInAgain(t *testing.T) {
	a := newAdministration(t)
	token := &http.Cookie{Name: formCookie, Value: randomToken()}
	typed := url.Values{templates.CSRFField: {token.Value}, "login": {"novikov"}, "name": {`"Новиков" <b>`}, "psw": {"a-secret-of-novikov"}, "enabled": {"1"}, "tags": {"1", "2"}}
	page := a.wants(a.postWithCookies("/admin/users", "", typed, token), http.StatusUnauthorized, "Срок вашего входа истёк", "Пароли и ключи не сохранены")
	if strings.Contains(page, "a-secret") || strings.Contains(page, "<b>") {
		t.Error("the page has the password, or markup of the form")
	}
	action, form := formWithAction(t, page)
	if action != "/admin/users" || form.Get("name") != `"Новиков" <b>` || !slices.Equal(form["tags"], []string{"1", "2"}) || form.Has("psw") {
		t.Fatalf("%s: %v", action, form)
	}

	form.Set(templates.AgainLogin, "boss")
	form.Set(templates.AgainPassword, "wrong")
	page = a.wants(a.postWithCookies(action, "", form, token), http.StatusUnauthorized, "Неверный логин или пароль")
	action, form = formWithAction(t, page)
	if form.Get(templates.AgainLogin) != "boss" || form.Get(templates.AgainPassword) != "" {
		t.Errorf("after a wrong password the form has %v", form)
	}

	form.Set(templates.AgainPassword, password)
	w := a.postWithCookies(action, "", form, token)
	a.wants(w, http.StatusBadRequest, `href="#psw"`, "novikov") // the page of the form, where only the password is missing
	if len(w.Result().Cookies()) == 0 {
		t.Fatal("the right password set no cookie")
	}
	form.Set("psw", "a-secret-of-novikov")
	a.wants(a.postWithCookies(action, "", form, append(w.Result().Cookies(), token)...), http.StatusSeeOther)
	if a.named("novikov").Name != `"Новиков" <b>` {
		t.Errorf("created: %+v", a.named("novikov"))
	}
}

// TestSignInAgainRoles: a sign-in with a kept form gives no more rights than one on the sign-in page. Only forms of the portal's pages in this
// browser are kept.
func TestSignInAgainRoles(t *testing.T) {
	a := newAdministration(t)
	token := &http.Cookie{Name: formCookie, Value: randomToken()}
	with := func(more url.Values) url.Values {
		form := url.Values{templates.CSRFField: {token.Value}, "comment": {"kept-text"}}
		for name, values := range more {
			form[name] = values
		}
		return form
	}
	as := func(login string) url.Values {
		return with(url.Values{templates.AgainLogin: {login}, templates.AgainPassword: {password}})
	}
	many := with(nil)
	for i := range maxKeptFields {
		many.Add("user", fmt.Sprint(i))
	}
	for name, one := range map[string]struct {
		path, from string
		form       url.Values
		status     int
		kept       bool
	}{
		"a user on an administrator's path": {"/admin/users/2", "", as("ivanov"), http.StatusForbidden, false},
		"a disabled account":                {"/admin/users/2", "", as("nobody"), http.StatusUnauthorized, true},
		"no login":                          {"/admin/users/2", "", with(nil), http.StatusUnauthorized, true},
		"no login in the cabinet":           {"/cabinet/password", "", with(nil), http.StatusUnauthorized, true},
		"a wrong token":                     {"/admin/users/2", "", with(url.Values{templates.CSRFField: {"x"}}), http.StatusUnauthorized, false},
		"a wrong token with a right login":  {"/admin/users/2", "", func() url.Values { f := as("boss"); f.Set(templates.CSRFField, "x"); return f }(), http.StatusUnauthorized, false},
		"a wrong token from a portal page":  {"/admin/users/2", "same-origin", with(url.Values{templates.CSRFField: {"x"}}), http.StatusUnauthorized, true},
		"from another site":                 {"/admin/users/2", "cross-site", with(nil), http.StatusForbidden, false},
		"too many fields":                   {"/admin/users/2", "", many, http.StatusUnauthorized, false},
		"too many bytes":                    {"/admin/users/2", "", with(url.Values{"comment": {strings.Repeat("kept-text", maxKeptForm/9+1)}}), http.StatusUnauthorized, false},
		"a path that is not there":          {"/admin/nothing", "", with(nil), http.StatusNotFound, false},
	} {
		w := a.postWithCookies(one.path, one.from, one.form, token)
		if kept := strings.Contains(w.Body.String(), `value="kept-text"`); w.Code != one.status || kept != one.kept {
			t.Errorf("%s: status %d, kept %v", name, w.Code, kept)
		}
	}
	r := httptest.NewRequest("POST", "https://gw.example.test/admin/users/2", strings.NewReader(with(nil).Encode()))
	r.RemoteAddr = "203.0.113.9:40000"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.AddCookie(token)
	w := httptest.NewRecorder()
	if a.h.ServeHTTP(w, r); w.Code != http.StatusNotFound {
		t.Errorf("outside: status %d", w.Code)
	}
}

// TestSendAgain: a form of a signed-in person whose token is not valid is kept if a page of the portal has sent it, and works
// when it is sent again.
func TestSendAgain(t *testing.T) {
	a := newAdministration(t)
	form := url.Values{templates.CSRFField: {"lost"}, "name": {"Sales"}, "remote_access": {templates.RemoteByGroups}}
	if page := a.wants(a.postWithCookies("/admin/groups", "", form, a.boss...), http.StatusForbidden); strings.Contains(page, "Sales") {
		t.Error("a form that another site may have made is kept")
	}
	w := a.postWithCookies("/admin/groups", "same-origin", form, a.boss...)
	action, again := formWithAction(t, a.wants(w, http.StatusForbidden, "Отправьте форму ещё раз"))
	if again.Get("name") != "Sales" {
		t.Fatalf("%v", again)
	}
	a.wants(a.postWithCookies(action, "same-origin", again, append(w.Result().Cookies(), a.boss...)...), http.StatusSeeOther)
}

// TestSecretFields: every password field of the pages is in secretFields.
func TestSecretFields(t *testing.T) {
	a := newAdministration(t)
	a.wants(a.post("/admin/directories/new", directoryForm("company.local")), http.StatusSeeOther)
	seen := 0
	for _, page := range []string{a.get("/admin/users/new"), a.get("/admin/users/2"), a.get("/admin/directories/new"), a.get("/admin/directories/1"), a.get("/admin/certificate"), a.get("/cabinet"),
		ask(a.h, "GET", "/login", 0, inLAN, nil).Body.String(), ask(a.h, "GET", "/setup/the-token", 0, inLAN, nil).Body.String()} {
		goqueryFind(t, page, "html").Find("input[type=password]").Each(func(_ int, s *goquery.Selection) {
			seen++
			if name := s.AttrOr("name", ""); !slices.Contains(secretFields, name) {
				t.Errorf("%s is not in secretFields", name)
			}
		})
	}
	if seen < 8 {
		t.Errorf("only %d password fields were found", seen)
	}
}
