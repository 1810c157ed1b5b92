package handlers

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/agent/directory"
	"ideco-agent/agent/store"
	"ideco-agent/templates"
)

// ticketDirectory accepts the ticket "ivanov", and refuses others with the code that they have.
type ticketDirectory struct {
	*directory.Local
	db   *store.Store
	read *[]string // the tickets
}

func (d ticketDirectory) VerifyTicket(ctx context.Context, token []byte) (agent.User, error) {
	*d.read = append(*d.read, string(token))
	if text := strings.TrimRight(string(token), " "); text != "ivanov" {
		return agent.User{}, &agent.Error{Code: agent.Code(text), Err: errors.New("a cause")}
	}
	users, _, err := d.db.Users(ctx, agent.UserFilter{Search: "ivanov"}, 0, 1)
	if err != nil {
		return agent.User{}, err
	}
	return users[0], nil
}

// withKeytab gives the site a directory with a keytab. It returns the tickets that are read.
func withKeytab(t *testing.T, s *Site) *[]string {
	t.Helper()
	db, read := s.AgentHosts.(*store.Store), new([]string)
	s.Gate = access.NewGate(ticketDirectory{directory.NewLocal(db, s.Log), db, read}, db, s.Log)
	s.Sessions = access.NewManager(access.Config{Gate: s.Gate, Store: db, Settings: s.Settings.Current, Log: s.Log})
	d := s.Directories.(*fakeDirectories)
	d.saved = append(d.saved, agent.DirectorySettings{ID: 1, Name: "company.local", Keytab: []byte("keytab"), Password: "secret"})
	d.last = 1
	return read
}

func ticket(text string) string {
	return "Negotiate " + base64.StdEncoding.EncodeToString([]byte(text))
}

// askSSO posts to a path of SSO.
func askSSO(h http.Handler, path, from, authorization string) *httptest.ResponseRecorder {
	body, kind := url.Values{templates.CSRFField: {"token"}}.Encode(), "application/x-www-form-urlencoded"
	if path == "/web/auth/sso" {
		body, kind = "{}", "application/json"
	}
	r := httptest.NewRequest("POST", "https://gw.example.test"+path, strings.NewReader(body))
	r.RemoteAddr = from
	r.Header.Set("Content-Type", kind)
	r.AddCookie(&http.Cookie{Name: formCookie, Value: "token"})
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const (
	fromLAN     = "192.168.7.20:40000"
	fromOutside = "203.0.113.7:40000"
)

func signedIn(w *httptest.ResponseRecorder) bool {
	for _, c := range w.Result().Cookies() {
		if c.Name == browserCookie && c.Value != "" {
			return true
		}
	}
	return false
}

// TestLoginSSO: in the LAN a browser is asked for a ticket and signed in by it. A refusal shows its text, without another challenge.
func TestLoginSSO(t *testing.T) {
	t.Parallel() // it waits
	for _, path := range []string{"/login/sso", "/web/auth/sso"} {
		s := newSite(t)
		read := withKeytab(t, s)
		h := s.PortalHandler()
		w := askSSO(h, path, fromLAN, "")
		if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") != "Negotiate" || signedIn(w) {
			t.Errorf("%s without a ticket: %d, %q", path, w.Code, w.Header())
		}
		w = askSSO(h, path, fromLAN, "Basic aXZhbm92OnB3")
		if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") != "Negotiate" {
			t.Errorf("%s with Basic: %d", path, w.Code)
		}
		for _, code := range []agent.Code{agent.CodeSSONTLM, agent.CodeSSOClock, agent.CodeSSOStale, agent.CodeSSORefused, agent.CodeAccountDisabled, agent.CodeDirectoryUnreachable} {
			w := askSSO(h, path, fromLAN, ticket(string(code)))
			if w.Code != statusOf(code) || w.Header().Get("WWW-Authenticate") != "" || signedIn(w) {
				t.Errorf("%s with %s: %d, %q", path, code, w.Code, w.Header())
			}
			var answer restError
			if path == "/web/auth/sso" && (json.Unmarshal(w.Body.Bytes(), &answer) != nil || answer.Code != string(code)) {
				t.Errorf("%s: %s", code, w.Body)
			}
			if path == "/login/sso" && (!strings.Contains(w.Body.String(), `href="/login"`) || !strings.Contains(w.Body.String(), `role="alert"`)) {
				t.Errorf("%s: %s", code, w.Body)
			}
		}
		before := len(*read)
		for _, broken := range []string{"Negotiate", "Negotiate ", "Negotiate !!!", "Negotiate " + strings.Repeat("A", maxTicketText+1)} {
			if w := askSSO(h, path, fromLAN, broken); w.Code != http.StatusForbidden {
				t.Errorf("%s with %.30q: %d", path, broken, w.Code)
			}
		}
		if len(*read) != before {
			t.Error("a broken token was read")
		}
		for _, good := range []string{ticket("ivanov"), strings.Replace(ticket("ivanov"), "Negotiate", "negotiate", 1), ticket("ivanov" + strings.Repeat(" ", 65529))} {
			if w := askSSO(h, path, fromLAN, good); !signedIn(w) || w.Code != http.StatusOK && w.Header().Get("Location") != "/cabinet" {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
		before = len(*read)
		for _, authorization := range []string{"", ticket("ivanov")} {
			w := askSSO(h, path, fromOutside, authorization)
			if w.Code != http.StatusForbidden || w.Header().Get("WWW-Authenticate") != "" || signedIn(w) || len(*read) != before {
				t.Errorf("%s from outside with %q: %d", path, authorization, w.Code)
			}
		}
		s.Directories.(*fakeDirectories).saved = nil
		if w := askSSO(h, path, fromLAN, ""); w.Code != http.StatusForbidden || w.Header().Get("WWW-Authenticate") != "" {
			t.Errorf("%s without a keytab: %d", path, w.Code)
		}
	}
}

// TestLoginOffersSSO: the sign-in page has the button only in the LAN and only with a keytab, and never a challenge.
func TestLoginOffersSSO(t *testing.T) {
	s := newSite(t)
	h := s.PortalHandler()
	offers := func(from string) bool {
		r := httptest.NewRequest("GET", "https://gw.example.test/login", nil)
		r.RemoteAddr = from
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK || w.Header().Get("WWW-Authenticate") != "" {
			t.Errorf("%s: %d, %q", from, w.Code, w.Header())
		}
		return strings.Contains(w.Body.String(), `action="/login/sso"`)
	}
	if offers(fromLAN) {
		t.Error("without a keytab")
	}
	withKeytab(t, s)
	if !offers(fromLAN) || offers(fromOutside) {
		t.Errorf("LAN %v, outside %v", offers(fromLAN), offers(fromOutside))
	}
	r := httptest.NewRequest("GET", "https://gw.example.test/login/sso", nil) // a reloaded page
	r.RemoteAddr = fromLAN
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Header().Get("Location") != "/login" {
		t.Errorf("a reload: %d", w.Code)
	}
}

// TestLoginSSONeedsTheForm: another site cannot sign a browser in.
func TestLoginSSONeedsTheForm(t *testing.T) {
	s := newSite(t)
	read := withKeytab(t, s)
	r := httptest.NewRequest("POST", "https://gw.example.test/login/sso", nil)
	r.RemoteAddr = fromLAN
	r.Header.Set("Authorization", ticket("ivanov"))
	w := httptest.NewRecorder()
	if s.PortalHandler().ServeHTTP(w, r); w.Code != http.StatusForbidden || len(*read) > 0 || w.Header().Get("WWW-Authenticate") != "" {
		t.Errorf("%d", w.Code)
	}
}

// TestKeytabPage: a keytab is uploaded, shown without its keys, and removed after a question. Another file is refused beside its field,
// and the keytab stays.
func TestKeytabPage(t *testing.T) {
	a := newAdministration(t)
	d := a.site.Directories.(*fakeDirectories)
	d.saved, d.last = []agent.DirectorySettings{{ID: 1, Name: "company.local", Kind: agent.DirectoryAD, Password: "secret"}}, 1
	const path = "/admin/directories/1"
	if page := a.get(path); strings.Contains(page, "keytab/remove") || !strings.Contains(page, `action="`+path+`/keytab"`) {
		t.Error("without a keytab")
	}
	if w := a.postFiles(path+"/keytab", nil, "keytab", "ideco.keytab", "the keys themselves"); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	page := a.get(path)
	for _, text := range []string{"HTTP/gw.company.local@COMPANY.LOCAL", "AES256-SHA1", "RC4", "HTTP/alias.company.local"} {
		if !strings.Contains(page, text) {
			t.Errorf("the page lacks %s", text)
		}
	}
	if strings.Contains(page, "the keys themselves") {
		t.Error("the page has the keytab")
	}
	for _, files := range [][]string{{"bad"}, {}, {""}} {
		if w := a.postFiles(path+"/keytab", nil, "keytab", "ideco.keytab", files...); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `id="keytab-note"`) {
			t.Errorf("%q: %d", files, w.Code)
		}
	}
	if string(d.saved[0].Keytab) != "the keys themselves" {
		t.Error("the keytab is gone")
	}
	if w := a.post(path+"/keytab/remove", nil); w.Code != http.StatusOK || len(d.saved[0].Keytab) == 0 {
		t.Errorf("question: %d", w.Code)
	}
	if w := a.post(path+"/keytab/remove", url.Values{"confirm": {"1"}}); w.Code != http.StatusSeeOther || len(d.saved[0].Keytab) > 0 {
		t.Errorf("removal: %d", w.Code)
	}
}

// TestKeytabREST: the keytab is write-only; an empty text removes it, and without the field it stays.
func TestKeytabREST(t *testing.T) {
	a := newAdministration(t)
	d := a.site.Directories.(*fakeDirectories)
	d.saved, d.last = []agent.DirectorySettings{{ID: 1, Name: "company.local", Kind: agent.DirectoryAD, User: "u", Password: "secret", CheckInterval: agent.DefaultCheckInterval, Transport: agent.TransportLDAPS}}, 1
	put := func(body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("PUT", "https://gw.example.test/ad_backend/domains/1", strings.NewReader(body))
		r.RemoteAddr = fromLAN
		r.Header.Set("Content-Type", "application/json")
		for _, cookie := range a.boss {
			r.AddCookie(cookie)
		}
		w := httptest.NewRecorder()
		a.h.ServeHTTP(w, r)
		return w
	}
	encoded := base64.StdEncoding.EncodeToString([]byte("the keys themselves"))
	w := put(`{"keytab":"` + encoded + `"}`)
	if w.Code != http.StatusOK || strings.Contains(w.Body.String(), encoded) || !strings.Contains(w.Body.String(), `"keytab_keys":[{"principal":"HTTP/gw.company.local@COMPANY.LOCAL","kvno":3,"type":"AES256-SHA1","usable":true}`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := put(`{"check_minutes":10}`); w.Code != http.StatusOK || string(d.saved[0].Keytab) != "the keys themselves" {
		t.Errorf("without the field: %d, %q", w.Code, d.saved[0].Keytab)
	}
	if w := put(`{"keytab":"` + base64.StdEncoding.EncodeToString([]byte("bad")) + `"}`); w.Code != statusNotAccepted || !strings.Contains(w.Body.String(), `"keytab"`) {
		t.Errorf("bad: %d %s", w.Code, w.Body)
	}
	if w := put(`{"keytab":"not base64!"}`); w.Code != http.StatusBadRequest {
		t.Errorf("no base64: %d %s", w.Code, w.Body)
	}
	if w := put(`{"keytab":""}`); w.Code != http.StatusOK || len(d.saved[0].Keytab) > 0 || !strings.Contains(w.Body.String(), `"keytab_keys":[]`) {
		t.Errorf("removal: %d %s", w.Code, w.Body)
	}
}
