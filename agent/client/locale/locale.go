// Package locale has the texts of the agent program in Russian and English. Messages of the gateway come in the
// person's language and are shown as they are; the texts for its reasons are used when a gateway sends no message.
package locale

import (
	"strconv"
	"strings"
	"time"

	"ideco-agent/agent"
)

// Lang is a language of the texts.
type Lang string

// Languages. The empty one is Russian.
const (
	Russian Lang = "ru"
	English Lang = "en"
)

// Parse reads the value of --lang.
func Parse(s string) (Lang, bool) {
	switch l := Lang(strings.ToLower(s)); l {
	case Russian, English:
		return l, true
	}
	return Russian, false
}

// FromEnvironment chooses the language as POSIX does: the first of LC_ALL, LC_MESSAGES and LANG that is set.
func FromEnvironment(getenv func(string) string) Lang {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if value := getenv(name); value != "" {
			return fromLanguageNames([]string{value})
		}
	}
	return Russian
}

// fromLanguageNames returns the language for a system's language names, such as "en-US" or "en_US.UTF-8": English when the
// first is English, otherwise Russian.
func fromLanguageNames(names []string) Lang {
	if len(names) == 0 {
		return Russian
	}
	first := strings.ToLower(names[0])
	if i := strings.IndexAny(first, "-_.@"); i >= 0 {
		first = first[:i]
	}
	if first == string(English) {
		return English
	}
	return Russian
}

// AcceptLanguage returns the Accept-Language header for a language.
func AcceptLanguage(l Lang) string {
	if l == English {
		return "en, ru;q=0.5"
	}
	return "ru, en;q=0.5"
}

// Code returns the key of a refusal's text. Codes without a text share the one of Refused.
func Code(code agent.Code) string {
	if _, ok := texts[string(code)]; ok {
		return string(code)
	}
	return Refused
}

// Reason returns the key of the text for the end of a session.
func Reason(reason agent.Reason) string {
	if key := "ended_" + string(reason); texts[key] != (text{}) {
		return key
	}
	return Over
}

// Minutes formats a duration in whole minutes, rounded up: «5 мин».
func Minutes(l Lang, d time.Duration) string {
	return Text(l, minutes, "value", strconv.FormatInt(int64((d+time.Minute-1)/time.Minute), 10))
}

// Bytes formats an amount of data like the portal, with one decimal in units of 1024: «1,4 ГБ», «512 Б».
func Bytes(l Lang, n uint64) string {
	units := strings.Fields(Text(l, byteUnits))
	value, unit := float64(n), 0
	for value >= 1023.95 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	if unit == 0 {
		return strconv.FormatUint(n, 10) + " " + units[0]
	}
	text := strconv.FormatFloat(value, 'f', 1, 64)
	if l != English {
		text = strings.Replace(text, ".", ",", 1)
	}
	return text + " " + units[unit]
}

// Text returns the text of a key. values are pairs of a placeholder's name and its value.
func Text(l Lang, key string, values ...string) string {
	t := texts[key]
	s := t.ru
	if l == English {
		s = t.en
	}
	pairs := make([]string, len(values))
	for i, v := range values {
		if pairs[i] = v; i%2 == 0 {
			pairs[i] = "{" + v + "}"
		}
	}
	return strings.NewReplacer(pairs...).Replace(s)
}
