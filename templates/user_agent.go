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

func firstMark(text string, marks [][2]string) string {
	for _, mark := range marks {
		if strings.Contains(text, mark[0]) {
			return mark[1]
		}
	}
	return ""
}
