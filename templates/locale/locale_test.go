package locale

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"

	"ideco-agent/agent"
	"ideco-agent/agent/accountcsv"
)

// catalogue returns a language's file: id to text, or to plural forms.
func catalogue(t *testing.T, lang string) map[string]any {
	t.Helper()
	data, err := os.ReadFile(lang + ".toml")
	if err != nil {
		t.Fatal(err)
	}
	messages := map[string]any{}
	if err := toml.Unmarshal(data, &messages); err != nil {
		t.Fatalf("%s.toml: %v", lang, err)
	}
	return messages
}

// sources returns the text of the files that may name messages: no generated code and no tests.
func sources(t *testing.T, roots ...string) string {
	t.Helper()
	var all strings.Builder
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() && d.Name() == "client" {
				return fs.SkipDir // the agent program has texts of its own
			}
			if err != nil || d.IsDir() || strings.HasSuffix(path, "_templ.go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			if ext := filepath.Ext(path); ext != ".go" && ext != ".templ" {
				return nil
			}
			data, err := os.ReadFile(path)
			all.Write(data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

// derived returns the ids that the code builds from the constants of package agent.
func derived(t *testing.T) []string {
	var ids []string
	for _, code := range append(append([]agent.Code{}, agent.Codes...), agent.AgentCodes...) {
		ids = append(ids, string(code))
	}
	for _, reason := range agent.Reasons {
		ids = append(ids, "ended_"+string(reason), "journal_end_"+string(reason))
	}
	for _, code := range agent.Codes {
		ids = append(ids, "journal_refused_"+string(code))
	}
	for _, way := range agent.Ways {
		ids = append(ids, "way_"+string(way))
	}
	for _, period := range []string{"any", "today", "yesterday", "cur_week", "prev_week", "cur_month", "prev_month"} {
		ids = append(ids, "journal_period_"+period)
	}
	ids = append(ids, "journal_end_unknown")
	for _, state := range []string{"off", "open", "refused", "agent", "busy", "waiting"} { // templates.RuleStates
		ids = append(ids, "rule_state_"+state)
		if state != "off" && state != "open" {
			ids = append(ids, "rule_state_"+state+"_help")
		}
	}
	for _, kind := range agent.Kinds {
		ids = append(ids, "kind_"+string(kind), "kind_short_"+string(kind))
	}
	for _, state := range agent.States {
		ids = append(ids, "state_"+string(state))
	}
	for _, enforcement := range agent.Enforcements {
		ids = append(ids, "enforcement_"+string(enforcement))
	}
	for _, trouble := range agent.BootTroubles {
		ids = append(ids, "boot_"+string(trouble))
	}
	for _, lack := range agent.TunnelLacks {
		ids = append(ids, "vpn_lacks_"+string(lack))
	}
	for _, code := range agent.CheckCodes() {
		if code == agent.CheckDirectoryWarning || code == agent.CheckDirectoryFailed {
			continue // the step of the test has the text
		}
		ids = append(ids, "check_"+string(code))
		if agent.NewCheck(code, nil).State != agent.StepOK {
			ids = append(ids, "check_"+string(code)+"_cure")
		}
	}
	for _, group := range agent.CheckGroups {
		ids = append(ids, "check_group_"+string(group))
	}
	for _, state := range agent.StepStates {
		ids = append(ids, "check_state_"+string(state))
	}
	for _, code := range agent.ConditionCodes {
		switch code {
		case agent.ConditionStore, agent.ConditionInterfaces, agent.ConditionEnforcement, agent.ConditionBoot, agent.ConditionVPN, agent.ConditionCertificate:
			// other texts, see Localizer.Condition
		default:
			ids = append(ids, "condition_"+string(code))
		}
	}
	ids = append(ids, "condition_agent_off_closed", "condition_interfaces_down_closed", "condition_forwarding_4", "condition_forwarding_6", "condition_warn", "condition_bad")
	for _, severity := range agent.Severities {
		ids = append(ids, "severity_"+string(severity))
	}
	for _, step := range []string{"address", "interfaces", "dns", "people", "installer"} { // templates.FirstSteps
		ids = append(ids, "step_"+step, "step_"+step+"_help")
	}
	for _, trouble := range agent.StoreTroubles {
		ids = append(ids, "store_"+string(trouble))
	}
	for _, trouble := range agent.BackupTroubles {
		ids = append(ids, trouble.Code())
	}
	for _, kind := range agent.DirectoryKinds {
		ids = append(ids, "directory_kind_"+string(kind))
	}
	for _, step := range agent.DirectorySteps {
		ids = append(ids, "directory_step_"+string(step))
	}
	for _, state := range []agent.StepState{agent.StepOK, agent.StepWarning, agent.StepFailed, agent.StepSkipped} {
		ids = append(ids, "directory_state_"+string(state))
	}
	for _, finding := range agent.DirectoryFindings {
		ids = append(ids, "directory_cause_"+string(finding), "directory_cure_"+string(finding))
	}
	for _, cause := range agent.CertificateCauses {
		ids = append(ids, "certificate_cause_"+string(cause), "certificate_cure_"+string(cause))
	}
	for _, check := range agent.NameCheckKinds {
		ids = append(ids, "certificate_check_"+string(check))
	}
	for _, event := range agent.CertificateEventKinds {
		ids = append(ids, "certificate_event_"+string(event))
	}
	for _, state := range agent.UserStates {
		ids = append(ids, "filter_state_"+string(state))
	}
	for _, act := range []string{"vpn_allow", "vpn_deny", "vpn_group", "enable", "disable", "end"} {
		ids = append(ids, "bulk_"+act)
	}
	for _, kind := range []string{"never", "before", "since"} {
		ids = append(ids, "filter_login_"+kind)
	}
	for _, wrong := range accountcsv.FileErrors {
		ids = append(ids, string(wrong))
	}
	for _, column := range accountcsv.Columns {
		ids = append(ids, "import_column_"+string(column))
	}
	ids = append(ids, accountcsv.MistakeCodes...)
	for _, n := range agent.Numbers() {
		ids = append(ids, n.Name, n.Name+"_help")
	}
	for code := range agent.ActCodes {
		ids = append(ids, "act_"+string(code))
	}
	for _, kind := range agent.ActKinds {
		ids = append(ids, "act_kind_"+string(kind))
	}
	for _, source := range agent.ActSources {
		ids = append(ids, "act_source_"+string(source))
	}
	for _, field := range agent.ActFields {
		ids = append(ids, "act_field_"+strings.ReplaceAll(field, ".", "_"))
	}
	for _, match := range regexp.MustCompile(`"(field_[a-z_]+)"`).FindAllStringSubmatch(sources(t, "../../agent", "."), -1) {
		ids = append(ids, match[1])
	}
	return ids
}

func TestEveryDerivedMessageHasTextInBothLanguages(t *testing.T) {
	for _, lang := range Languages {
		messages := catalogue(t, lang)
		for _, id := range derived(t) {
			if _, ok := messages[id]; !ok {
				t.Errorf("%s.toml: no text for %q", lang, id)
			}
		}
	}
}

func TestCataloguesHaveTheSameMessages(t *testing.T) {
	ru, en := catalogue(t, "ru"), catalogue(t, "en")
	placeholder := regexp.MustCompile(`{{\.(\w+)}}`)
	for id, text := range ru {
		other, ok := en[id]
		if !ok {
			t.Errorf("en.toml: no text for %q", id)
			continue
		}
		ruText, isText := text.(string)
		enText, otherIsText := other.(string)
		if isText != otherIsText {
			t.Errorf("%q has plural forms in one language only", id)
			continue
		}
		used := map[string]bool{}
		for _, m := range placeholder.FindAllStringSubmatch(ruText, -1) {
			used[m[1]] = true
		}
		for _, m := range placeholder.FindAllStringSubmatch(enText, -1) {
			if !used[m[1]] {
				t.Errorf("%q: {{.%s}} stands in English only", id, m[1])
			}
			delete(used, m[1])
		}
		for name := range used {
			t.Errorf("%q: {{.%s}} stands in Russian only", id, name)
		}
	}
	for id := range en {
		if _, ok := ru[id]; !ok {
			t.Errorf("ru.toml: no text for %q", id)
		}
	}
}

func TestNoMessageIsUnused(t *testing.T) {
	used := map[string]bool{}
	for _, id := range derived(t) {
		used[id] = true
	}
	for _, match := range regexp.MustCompile(`"([a-z0-9_]+)"`).FindAllStringSubmatch(sources(t, "..", "../../handlers"), -1) {
		used[match[1]] = true
	}
	for id := range catalogue(t, "ru") {
		if !used[id] {
			t.Errorf("%q is said nowhere", id)
		}
	}
}

func TestEveryMessageThatIsSaidExists(t *testing.T) {
	messages := catalogue(t, "ru")
	for _, match := range regexp.MustCompile(`\b[lL]\.(T|N)\("([a-z0-9_]+)"[,)]`).FindAllStringSubmatch(sources(t, "..", "../../handlers"), -1) {
		text, ok := messages[match[2]]
		if !ok {
			t.Errorf("no text for %q", match[2])
			continue
		}
		if _, plural := text.(map[string]any); plural != (match[1] == "N") {
			t.Errorf("%q: plural forms %v, but asked for with %s", match[2], plural, match[1])
		}
	}
	for _, match := range regexp.MustCompile(`= "([a-z_]+)"`).FindAllStringSubmatch(sources(t, "ids.go"), -1) {
		if _, ok := messages[match[1]]; !ok {
			t.Errorf("no text for the constant %q", match[1])
		}
	}
}

// TestWords: no exclamation marks, «вы» in lower case inside a sentence, all plural forms.
func TestWords(t *testing.T) {
	upper := regexp.MustCompile(`[\p{L},:;—] (Вы|Вас|Вам|Ваш|Ваша|Ваше|Ваши)([^\p{L}]|$)`)
	for lang, forms := range map[string][]string{"ru": {"one", "few", "many", "other"}, "en": {"one", "other"}} {
		for id, message := range catalogue(t, lang) {
			texts := []string{}
			switch m := message.(type) {
			case string:
				texts = append(texts, m)
			case map[string]any:
				for _, form := range forms {
					text, ok := m[form].(string)
					if !ok {
						t.Errorf("%s.toml: %q has no form %q", lang, id, form)
					}
					texts = append(texts, text)
				}
			}
			for _, text := range texts {
				if strings.Contains(text, "!") || strings.TrimSpace(text) == "" || upper.MatchString(text) {
					t.Errorf("%s.toml: %q: %q", lang, id, text)
				}
			}
		}
	}
}

func TestRefusalsAreWholeSentences(t *testing.T) {
	for _, l := range localizers() {
		for _, code := range append(append([]agent.Code{}, agent.Codes...), agent.AgentCodes...) {
			for _, e := range []*agent.Error{
				{Code: code},
				{Code: code, Address: "10.0.0.5", Domain: "company.ru", Ref: "K4T7-QM2A", Wait: 90 * time.Second},
			} {
				text := l.Refusal(e)
				if text == string(code) || strings.Contains(text, "{") || strings.Contains(text, "<no value>") {
					t.Errorf("%s: %s: %q", l.Lang(), code, text)
				}
			}
		}
		for _, reason := range agent.Reasons {
			if text := l.Reason(reason); strings.HasPrefix(text, "ended_") {
				t.Errorf("%s: no text for reason %s", l.Lang(), reason)
			}
		}
	}
}

func TestRefusal(t *testing.T) {
	ru, en := For("ru"), For("en")
	for _, c := range []struct {
		l    *Localizer
		e    agent.Error
		want string
	}{
		{ru, agent.Error{Code: agent.CodeBadCredentials}, "Неверный логин или пароль. Проверьте раскладку и Caps Lock."},
		{ru, agent.Error{Code: agent.CodeTooManyAttempts, Wait: 14*time.Minute + time.Second}, "Слишком много попыток. Повторите через 15 мин."},
		{en, agent.Error{Code: agent.CodeTooManyAttempts, Wait: 40 * time.Second}, "Too many attempts. Try again in 40 s."},
		{ru, agent.Error{Code: agent.CodeAddressBusy, Address: "10.0.0.5", Ref: "K4T7-QM2A"}, "Этот адрес (10.0.0.5) сейчас занят другой сессией. Если за этим компьютером работал кто-то ещё, выйдите из его сессии; иначе сообщите администратору номер K4T7-QM2A."},
		{en, agent.Error{Code: agent.CodeDirectoryUnreachable, Domain: "company.ru"}, "Domain company.ru does not answer now. Try again in a minute; if that fails, tell your administrator."},
		{en, agent.Error{Code: agent.CodeSessionOver}, "The session has run out or was ended. Log in again."},
	} {
		if got := c.l.Refusal(&c.e); got != c.want {
			t.Errorf("%s %s:\n got %q\nwant %q", c.l.Lang(), c.e.Code, got, c.want)
		}
	}
	if got, want := ru.Expiring(29*time.Minute+59*time.Second), "Сессия закончится через 30 мин. Нажмите «Продлить», чтобы не прерываться."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestValuesAreNotTemplates: typed values are not expanded.
func TestValuesAreNotTemplates(t *testing.T) {
	text := For("ru").Problem(agent.Problem{Field: "auth_domain", Code: "field_domain", Value: "{{.Value}} <b>"})
	if !strings.Contains(text, "«{{.Value}} <b>»") {
		t.Errorf("got %q", text)
	}
}

func TestPlurals(t *testing.T) {
	ru, en := For("ru"), For("en")
	for n, want := range map[int]string{0: "Сейчас подключено: 0 сессий", 1: "Сейчас подключено: 1 сессия", 2: "Сейчас подключено: 2 сессии", 5: "Сейчас подключено: 5 сессий", 11: "Сейчас подключено: 11 сессий",
		12: "Сейчас подключено: 12 сессий", 21: "Сейчас подключено: 21 сессия", 22: "Сейчас подключено: 22 сессии", 111: "Сейчас подключено: 111 сессий"} {
		if got := ru.N("agent_sessions", n); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for n, want := range map[int]string{0: "Connected now: 0 sessions", 1: "Connected now: 1 session", 2: "Connected now: 2 sessions", 21: "Connected now: 21 sessions"} {
		if got := en.N("agent_sessions", n); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got, want := ru.N("vpn_allowed_people", 21), "право на VPN у 21 человека"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFor(t *testing.T) {
	for _, c := range []struct {
		tags []string
		want string
	}{
		{nil, "ru"},
		{[]string{"", ""}, "ru"},
		{[]string{"en"}, "en"},
		{[]string{"", "en-US,en;q=0.9,ru;q=0.8"}, "en"},
		{[]string{"", "ru-RU,ru;q=0.9,en;q=0.8"}, "ru"},
		{[]string{"ru", "en-US"}, "ru"},
		{[]string{"xx-broken-;;", "en"}, "en"},
		{[]string{"", "ja"}, "ru"},
		{[]string{"", "ja,en;q=0.5"}, "en"},
	} {
		if got := For(c.tags...).Lang(); got != c.want {
			t.Errorf("For(%q) is %s, want %s", c.tags, got, c.want)
		}
	}
}

func FuzzFor(f *testing.F) {
	f.Add("en-US,en;q=0.9")
	f.Add("*;q=,,;-")
	f.Fuzz(func(t *testing.T, header string) {
		if lang := For(header).Lang(); lang != "ru" && lang != "en" {
			t.Errorf("For(%q) is %q", header, lang)
		}
	})
}

func TestFormats(t *testing.T) {
	ru, en := For("ru"), For("en")
	at := time.Date(2026, 11, 23, 14, 5, 9, 0, time.Local)
	u := func(n uint64) *uint64 { return &n }
	for _, c := range []struct{ got, want string }{
		{ru.Time(at), "23.11.2026 14:05"},
		{en.Time(at), "23 Nov 2026 14:05"},
		{ru.Time(time.Time{}), "—"},
		{ru.ShortTime(at, at.Add(time.Hour)), "14:05"},
		{en.ShortTime(at, at.Add(24*time.Hour)), "23 Nov 2026 14:05"},
		{ru.Duration(-time.Second), "0 с"},
		{ru.Duration(45 * time.Second), "45 с"},
		{ru.Duration(59*time.Second + time.Millisecond), "1 мин"},
		{ru.Duration(4*time.Minute + 5*time.Second), "4 мин 05 с"},
		{ru.Duration(14*time.Minute + 59*time.Second), "14 мин"},
		{ru.Duration(2*time.Hour + 5*time.Minute), "2 ч 05 мин"},
		{en.Duration(2*time.Hour + 5*time.Minute), "2 h 05 min"},
		{ru.Duration(76 * time.Hour), "3 д 04 ч"},
		{ru.Ago(at, at.Add(time.Second)), "только что"},
		{ru.Ago(at, at.Add(5*time.Minute)), "5 мин назад"},
		{en.Ago(at, at.Add(5*time.Minute)), "5 min ago"},
		{ru.Whole(20_000), "20\u00a0000"},
		{en.Whole(1_234_567), "1,234,567"},
		{en.Whole(500), "500"},
		{ru.Bytes(nil), "—"},
		{ru.Bytes(u(0)), "0 Б"},
		{ru.Bytes(u(1023)), "1023 Б"},
		{ru.Bytes(u(1024)), "1,0 КБ"},
		{ru.Bytes(u(1503238553)), "1,4 ГБ"},
		{en.Bytes(u(1503238553)), "1.4 GB"},
		{ru.Bytes(u(1<<20 - 1)), "1,0 МБ"},
		{en.Bytes(u(1<<64 - 1)), "16384.0 PB"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestAMissingMessageShowsItself(t *testing.T) {
	if got := For("en").T("no_such_message"); got != "no_such_message" {
		t.Errorf("got %q", got)
	}
}
