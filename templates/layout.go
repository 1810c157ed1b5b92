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

// theme is a choice of the switch: its icon, the theme that the switch changes to, and the label for that.
type theme struct{ icon, next, nextLabel string }

func themeOf(name string) theme {
	switch name {
	case "light":
		return theme{"sun", "dark", "theme_next_dark"}
	case "dark":
		return theme{"moon", "", "theme_next_system"}
	}
	return theme{"auto", "light", "theme_next_light"}
}

// isSection reports whether a path belongs to a section of the navigation.
func isSection(path, section string) bool {
	return path == section || strings.HasPrefix(path, section+"/")
}
