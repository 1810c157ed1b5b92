package handlers

import (
	"net/http"
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

// back returns to the page whose form this was. The page is named by its path and must be one of ours that a browser
// may GET; anything else leads home, so that nobody is sent to a place that a request names.
func (s *Site) back(c echo.Context) error {
	from := c.FormValue("from")
	for _, r := range s.portalRoutes() {
		if r.method == http.MethodGet && r.form == page && r.rule != setup && matches(r.path, from) {
			return c.Redirect(http.StatusSeeOther, from)
		}
	}
	return c.Redirect(http.StatusSeeOther, "/")
}

// matches compares a path with a route's pattern, segment by segment; a parameter takes letters, digits and hyphens.
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
