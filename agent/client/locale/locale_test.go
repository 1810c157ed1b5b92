package locale

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"sort"
	"strconv"
	"testing"
	"time"

	"ideco-agent/agent"
)

func TestAllKeysHaveText(t *testing.T) {
	for _, code := range agent.AgentCodes {
		if Code(code) != string(code) {
			t.Errorf("code %s has no text", code)
		}
	}
	for _, reason := range agent.Reasons {
		if Reason(reason) != "ended_"+string(reason) {
			t.Errorf("reason %s has no text", reason)
		}
	}
	// Of the gateway's codes, the program itself reports these two.
	keys := append(declaredKeys(t), Code(agent.CodeVPNUnavailable), Code(agent.CodeBadMessage))
	for _, key := range keys {
		if texts[key] == (text{}) {
			t.Errorf("key %s has no text", key)
		}
	}
	if want := len(keys) + len(agent.AgentCodes) + len(agent.Reasons); len(texts) != want {
		t.Errorf("%d texts for %d keys, codes and reasons", len(texts), want)
	}
}

// declaredKeys returns the values of this package's untyped string constants.
func declaredKeys(t *testing.T) (keys []string) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if constant, ok := n.(*ast.ValueSpec); ok && constant.Type == nil && len(constant.Values) == 1 {
				if literal, ok := constant.Values[0].(*ast.BasicLit); ok && literal.Kind == token.STRING {
					key, err := strconv.Unquote(literal.Value)
					if err != nil {
						t.Fatal(err)
					}
					keys = append(keys, key)
				}
			}
			return true
		})
	}
	if len(keys) == 0 {
		t.Fatal("found no keys")
	}
	return keys
}

// Each text exists in both languages, with the same placeholders.
func TestLanguagesAgree(t *testing.T) {
	placeholder := regexp.MustCompile(`\{[a-z]+\}`)
	cyrillic := regexp.MustCompile(`\p{Cyrillic}`)
	for key, text := range texts {
		ru, en := placeholder.FindAllString(text.ru, -1), placeholder.FindAllString(text.en, -1)
		sort.Strings(ru)
		sort.Strings(en)
		if !reflect.DeepEqual(ru, en) {
			t.Errorf("%s: %v in Russian, %v in English", key, ru, en)
		}
		if !cyrillic.MatchString(text.ru) || cyrillic.MatchString(text.en) || text.en == "" {
			t.Errorf("%s: a text is empty or in the wrong language", key)
		}
	}
}

func TestText(t *testing.T) {
	if got := Text(English, "unreachable", "server", "gw.company.ru"); got != "Gateway gw.company.ru does not answer. Check your connection and the address." {
		t.Error(got)
	}
	if got := Text("", Reason("lost")); got != "Связь со шлюзом потеряна. Пробуем подключиться снова." {
		t.Error(got)
	}
	if got := Text(English, Reason("reason_of_a_newer_gateway")); got != "The gateway has closed access. Log in again." {
		t.Error(got)
	}
	if got := Text(English, Code("code_of_a_newer_gateway"), "server", "gw"); got != "Gateway gw refused the login. Ask your administrator." {
		t.Error(got)
	}
}

func TestMinutes(t *testing.T) {
	for d, want := range map[time.Duration]string{time.Second: "1 min", 5 * time.Minute: "5 min", 29*time.Minute + time.Second: "30 min"} {
		if got := Minutes(English, d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
	if got := Minutes(Russian, time.Minute); got != "1 мин" {
		t.Error(got)
	}
}

func TestBytes(t *testing.T) {
	for _, c := range []struct {
		n      uint64
		ru, en string
	}{
		{0, "0 Б", "0 B"}, {1023, "1023 Б", "1023 B"}, {1024, "1,0 КБ", "1.0 KB"}, {1048524, "1023,9 КБ", "1023.9 KB"},
		{1048575, "1,0 МБ", "1.0 MB"}, {1503238553, "1,4 ГБ", "1.4 GB"}, {1 << 63, "8192,0 ПБ", "8192.0 PB"},
	} {
		if ru, en := Bytes(Russian, c.n), Bytes(English, c.n); ru != c.ru || en != c.en {
			t.Errorf("%d: %s, %s", c.n, ru, en)
		}
	}
}

func TestFromEnvironment(t *testing.T) {
	for _, c := range []struct {
		environment map[string]string
		want        Lang
	}{
		{nil, Russian},
		{map[string]string{"LANG": "en_US.UTF-8"}, English},
		{map[string]string{"LANG": "en"}, English},
		{map[string]string{"LANG": "C.UTF-8"}, Russian},
		{map[string]string{"LANG": "ru_RU.UTF-8"}, Russian},
		{map[string]string{"LANG": "en_GB", "LC_ALL": "ru_RU"}, Russian},
		{map[string]string{"LANG": "ru_RU", "LC_MESSAGES": "en_GB"}, English},
	} {
		if got := FromEnvironment(func(name string) string { return c.environment[name] }); got != c.want {
			t.Errorf("%v: %s", c.environment, got)
		}
	}
}

func TestFromLanguageNames(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  Lang
	}{
		{nil, Russian},
		{[]string{""}, Russian},
		{[]string{"en-US", "ru-RU"}, English},
		{[]string{"EN-GB"}, English},
		{[]string{"en"}, English},
		{[]string{"en_US@euro"}, English},
		{[]string{"ru-RU", "en-US"}, Russian},
		{[]string{"kk-KZ", "en-US"}, Russian},
		{[]string{"de-DE"}, Russian},
		{[]string{"enm"}, Russian}, // Middle English
	} {
		if got := fromLanguageNames(c.names); got != c.want {
			t.Errorf("%q: %s", c.names, got)
		}
	}
}

// The texts call the program “Ideco агент” in Russian and “Ideco agent” in English. Only window titles and the service,
// under its name in Windows' list of services, are called “Айдеко Агент” and “Ideco Agent”.
func TestNameOfProgram(t *testing.T) {
	title := regexp.MustCompile(`Айдеко Агент|Ideco Agent`)
	service := regexp.MustCompile(`([Сс]лужб[аы]|service) («Айдеко Агент»|Ideco Agent)`)
	for key, text := range texts {
		if rest := service.ReplaceAllString(text.ru+text.en, ""); key != ProductName && title.MatchString(rest) {
			t.Errorf("%s calls the program %s", key, title.FindString(rest))
		}
	}
}
