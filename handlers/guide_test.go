package handlers

import (
	"net/http"
	"strings"
	"testing"

	"ideco-agent/templates/guide"
)

// TestGuide: the manuals need no login and come in the visitor's language.
func TestGuide(t *testing.T) {
	s := newSite(t)
	h := s.PortalHandler()
	for _, name := range guide.Names {
		for lang, title := range map[string]string{"": titleOf(t, "ru", name), "en": titleOf(t, "en", name)} {
			w := ask(h, "GET", "/guide/"+name, page, outside, []*http.Cookie{{Name: languageCookie, Value: lang}})
			if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "<h1>"+title+"</h1>") {
				t.Errorf("%s in %q: %d without %q", name, lang, w.Code, title)
			}
		}
	}
	for _, path := range []string{"/guide/", "/guide/no-such-page", "/guide/agent.md", "/guide/..%2fru"} {
		if w := ask(h, "GET", path, page, inLAN, nil); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := ask(h, "GET", "/guide", page, inLAN, nil); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/guide/first-steps" {
		t.Errorf("/guide: %d to %q", w.Code, w.Header().Get("Location"))
	}
}

func titleOf(t *testing.T, lang, name string) string {
	t.Helper()
	p, ok := guide.Find(lang, name)
	if !ok || p.Title == "" {
		t.Fatalf("%s/%s: %v", lang, name, ok)
	}
	return p.Title
}
