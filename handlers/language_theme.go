package handlers

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"ideco-agent/templates/locale"
)

func (s *Site) setLanguage(c echo.Context) error {
	if lang := c.FormValue("lang"); slices.Contains(locale.Languages, lang) {
		setChoice(c, languageCookie, lang)
	}
	return s.back(c)
}

func (s *Site) setTheme(c echo.Context) error {
	switch theme := c.FormValue("theme"); theme {
	case "light", "dark", "":
		setChoice(c, themeCookie, theme)
	}
	return s.back(c)
}

// back redirects to the page that contained the form, with its query. The path must be one of our own GET pages; anything else
// redirects to / (no open redirect).
func (s *Site) back(c echo.Context) error {
	path, query, _ := strings.Cut(c.FormValue("from"), "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return c.Redirect(http.StatusSeeOther, "/")
	}
	if len(values) > 0 {
		query = "?" + values.Encode()
	}
	for _, r := range s.portalRoutes() {
		if r.method == http.MethodGet && (r.kind == page || r.kind == oneTimeToken) && r.rule != setup && matches(r.path, path) {
			return c.Redirect(http.StatusSeeOther, path+query)
		}
	}
	return c.Redirect(http.StatusSeeOther, "/")
}

// matches compares a path with a route's pattern by segment. A parameter matches letters, digits and hyphens.
func matches(pattern, path string) bool {
	want, have := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return false
	}
	for i := range want {
		if strings.HasPrefix(want[i], ":") {
			if have[i] == "" || strings.Trim(have[i], "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
				return false
			}
		} else if want[i] != have[i] {
			return false
		}
	}
	return true
}
