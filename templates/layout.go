package templates

import (
	"strings"

	"ideco-agent/templates/locale"
)

// otherLanguage returns the language that the switch changes to.
func otherLanguage(l *locale.Localizer) string {
	if l.Lang() == "ru" {
		return "en"
	}
	return "ru"
}

// nextTheme returns the theme that the switch changes to, in the order system, light, dark.
func nextTheme(theme string) string {
	switch theme {
	case "light":
		return "dark"
	case "dark":
		return ""
	}
	return "light"
}

func themeLabel(p Page) string {
	switch p.Theme {
	case "light":
		return p.L.T("theme_next_dark")
	case "dark":
		return p.L.T("theme_next_system")
	}
	return p.L.T("theme_next_light")
}

func themeIcon(theme string) string {
	switch theme {
	case "light":
		return "sun"
	case "dark":
		return "moon"
	}
	return "auto"
}

// isSection reports whether a path belongs to a section of the navigation.
func isSection(path, section string) bool {
	return path == section || strings.HasPrefix(path, section+"/")
}
