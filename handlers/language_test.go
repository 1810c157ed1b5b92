package handlers

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestPageLanguage: the browser's languages decide until the person uses the switch; Russian where none of them is ours.
func TestPageLanguage(t *testing.T) {
	s := newSite(t)
	portal, port80 := s.PortalHandler(), s.HTTPHandler()
	for _, c := range []struct{ chosen, accept, want string }{
		{"", "", "ru"},
		{"", "en-US,en;q=0.9", "en"},
		{"", "ru-RU,ru;q=0.9,en;q=0.8", "ru"},
		{"", "de", "ru"},
		{"", "de,en;q=0.5", "en"},
		{"", "en;q=0.3,ru;q=0.7", "ru"},
		{"ru", "en-US,en;q=0.9", "ru"},
		{"en", "ru", "en"},
		{"xx", "en", "en"},
	} {
		for name, h := range map[string]http.Handler{"/login": portal, "/guide/agent": portal, "/no-such-page": portal, "/": port80} {
			r := httptest.NewRequest("GET", "https://gw.example.test"+name, nil)
			r.RemoteAddr = "192.168.7.20:40000"
			r.Header.Set("Accept-Language", c.accept)
			if c.chosen != "" {
				r.AddCookie(&http.Cookie{Name: languageCookie, Value: c.chosen})
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if !strings.Contains(w.Body.String(), `<html lang="`+c.want+`"`) {
				t.Errorf("%s, chosen %q, browser %q: not in %s: %.200q", name, c.chosen, c.accept, c.want, w.Body)
			}
		}
	}
}
