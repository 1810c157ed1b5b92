package handlers

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"ideco-agent/templates"
)

// maskedToken is a form token in a page.
var maskedToken = regexp.MustCompile(`value="[A-Za-z0-9_-]{86}"`)

// tokenIn returns the form token of a page.
func tokenIn(t *testing.T, page string) string {
	t.Helper()
	var token string
	goqueryFind(t, page, "html").Find("input[name=" + templates.CSRFField + "]").Each(func(_ int, s *goquery.Selection) { token = s.AttrOr("value", "") })
	return token
}

// TestFormToken: each answer has a token of its own, and all of them are good for this browser alone.
func TestFormToken(t *testing.T) {
	h := newSite(t).PortalHandler()
	open := func(cookie string) (token, set string) {
		r := httptest.NewRequest("GET", "https://gw.example.test/login", nil)
		r.RemoteAddr = fromLAN
		if cookie != "" {
			r.AddCookie(&http.Cookie{Name: formCookie, Value: cookie})
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		for _, c := range w.Result().Cookies() {
			if c.Name == formCookie {
				set = c.Value
			}
		}
		return tokenIn(t, w.Body.String()), set
	}
	first, mine := open("")
	second, renewed := open(mine)
	other, foreign := open("")
	if first == second || len(first) != maskedLength || strings.Contains(first, mine) || renewed != "" {
		t.Fatalf("tokens %q and %q, cookies %q and %q", first, second, mine, renewed)
	}
	tampered := func(token string, at int) string {
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			t.Fatal(err)
		}
		raw[at] ^= 1
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	for name, one := range map[string]struct {
		cookie, token string
		good          bool
	}{
		"of this page":                  {mine, second, true},
		"of another tab or an earlier":  {mine, first, true},
		"the cookie's value":            {mine, mine, true},
		"of another browser":            {mine, other, false},
		"with another browser's cookie": {foreign, first, false},
		"with a changed mask":           {mine, tampered(first, 0), false},
		"with a changed end":            {mine, tampered(first, 63), false},
		"cut":                           {mine, first[:43], false},
		"longer":                        {mine, first + "AAAA", false},
		"not base64":                    {mine, strings.Repeat("!", maskedLength), false},
		"a mask of nothing":             {mine, strings.Repeat("A", maskedLength), false},
		"none":                          {mine, "", false},
		"without a cookie":              {"", first, false},
		"an empty cookie and token":     {"", "", false},
	} {
		r := httptest.NewRequest("POST", "https://gw.example.test/theme", strings.NewReader(url.Values{templates.CSRFField: {one.token}, "theme": {"dark"}}.Encode()))
		r.RemoteAddr = fromLAN
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.AddCookie(&http.Cookie{Name: formCookie, Value: one.cookie})
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if good := w.Code == http.StatusSeeOther; good != one.good {
			t.Errorf("a token %s: status %d", name, w.Code)
		}
	}
}
