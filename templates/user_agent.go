package templates

import (
	"strings"

	"ideco-agent/templates/locale"
)

// Marks in a User-Agent. The order matters: Edge and Yandex also say Chrome, Chrome also says Safari.
var (
	browserMarks = [][2]string{{"YaBrowser/", "Yandex"}, {"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"},
		{"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"}}
	systemMarks = [][2]string{{"Windows", "Windows"}, {"Android", "Android"}, {"iPhone", "iOS"}, {"iPad", "iPadOS"},
		{"Macintosh", "macOS"}, {"Linux", "Linux"}}
)

// browserName describes a browser, for instance «Firefox, Windows».
func browserName(l *locale.Localizer, userAgent string) string {
	browser, system := firstMark(userAgent, browserMarks), firstMark(userAgent, systemMarks)
	switch {
	case browser == "" && system == "":
		return l.T("browser_unknown")
	case browser == "":
		return system
	case system == "":
		return browser
	}
	return l.T("browser_on", locale.Args{"Browser": browser, "System": system})
}

// BrowserAndSystem names browser and system in every language, such as "Firefox, Windows". It is empty if both are unknown.
func BrowserAndSystem(userAgent string) string {
	return strings.Trim(firstMark(userAgent, browserMarks)+", "+firstMark(userAgent, systemMarks), ", ")
}

// System names the system of a browser, such as "Windows". It is empty if it is not known.
func System(userAgent string) string { return firstMark(userAgent, systemMarks) }

// otherSystems has the id of what the page of a person says on a system that is not Windows.
var otherSystems = map[string]string{"Android": "cabinet_other_phone", "iOS": "cabinet_other_phone", "iPadOS": "cabinet_other_phone",
	"macOS": "cabinet_other_computer", "Linux": "cabinet_other_linux"}

func firstMark(text string, marks [][2]string) string {
	for _, mark := range marks {
		if strings.Contains(text, mark[0]) {
			return mark[1]
		}
	}
	return ""
}
