package accountcsv

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"ideco-agent/agent"
)

func parse(t testing.TB, content string) File {
	t.Helper()
	f, err := Parse(strings.NewReader(content))
	if err != nil {
		t.Fatalf("%.80q: %v", content, err)
	}
	return f
}

func text(s *string) string {
	if s == nil {
		return "<nil>"
	}
	return *s
}

// TestSameTable: encoding, separator, line ends and the names of the columns make no difference.
func TestSameTable(t *testing.T) {
	const ru = "Логин;ФИО;Пароль;Группа;Включена;Удалённый доступ;Комментарий;Сменить пароль\r\n" +
		"ivanov;Иванов Иван;Пароль-12345;Офис/Продажи;да;как в группе;\"строка; со \"\"знаками\"\"\nи второй\";нет\r\n" +
		"petrova;;;;нет;1;;ИСТИНА\r\n"
	want := parse(t, ru)
	if len(want.Rows) != 2 || want.Mistakes.Total > 0 || want.Rows[0].Line != 2 || want.Rows[1].Line != 4 {
		t.Fatalf("%+v", want)
	}
	if r := want.Rows[0]; r.Login != "ivanov" || text(r.Name) != "Иванов Иван" || r.Password != "Пароль-12345" || text(r.Group) != "Офис/Продажи" ||
		!*r.Enabled || !r.ByGroups || r.RemoteAccess != nil || text(r.Comment) != `строка; со "знаками" и второй` || *r.MustChange || r.Phone != nil {
		t.Errorf("%+v", r)
	}
	if r := want.Rows[1]; text(r.Name) != "" || r.Password != "" || *r.Enabled || !*r.RemoteAccess || r.ByGroups || !*r.MustChange {
		t.Errorf("%+v", r)
	}
	encoded := func(e interface{ Bytes([]byte) ([]byte, error) }, s string) string {
		out, err := e.Bytes([]byte(s))
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	tabs := strings.ReplaceAll(strings.ReplaceAll(ru, "строка; со", "строка# со"), ";", "\t")
	tabs = strings.ReplaceAll(tabs, "строка# со", "строка; со")
	commas := strings.ReplaceAll(tabs, "\t", ",")
	for name, content := range map[string]string{
		"UTF-8 with a mark":      "\ufeff" + ru,
		"cp1251":                 encoded(charmap.Windows1251.NewEncoder(), ru),
		"cp1251, commas":         encoded(charmap.Windows1251.NewEncoder(), commas),
		"UTF-16 little endian":   encoded(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder(), tabs),
		"UTF-16 big endian":      encoded(unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder(), ru),
		"commas":                 commas,
		"tabs":                   tabs,
		"LF":                     strings.ReplaceAll(ru, "\r\n", "\n"),
		"names in English":       strings.Replace(ru, "Логин;ФИО;Пароль;Группа;Включена;Удалённый доступ;Комментарий;Сменить пароль", "LOGIN; Full name;password;Group;enabled;remote_access;comment;must_change", 1),
		"ё and case in names":    strings.Replace(ru, "Логин;ФИО;Пароль;Группа;Включена;Удалённый доступ", `"ЛОГИН";фио;Пароль;группа;включёна;удаленный  ДОСТУП`, 1),
		"no last line end":       strings.TrimSuffix(ru, "\r\n"),
		"empty lines at the end": ru + ";;;;;;;\r\n\r\n",
	} {
		if got := parse(t, content); !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%+v\n%+v", name, got, want)
		}
	}
	for _, line := range []string{"sep=;\r\n", "\"sep=;\"\r\n", "\ufeffsep=;\n"} {
		if got := parse(t, line+ru); len(got.Rows) != 2 || got.Rows[0].Line != 3 || got.Rows[1].Line != 5 || got.Mistakes.Total > 0 {
			t.Errorf("%q: %+v", line, got)
		}
	}
	if got := parse(t, "sep=\t\nlogin\tname\nivanov\tA\n"); len(got.Rows) != 1 || text(got.Rows[0].Name) != "A" {
		t.Errorf("sep=tab: %+v", got)
	}
	if got := parse(t, "login;name\rivanov;A\rpetrov;B\r"); len(got.Rows) != 2 || got.Rows[1].Line != 3 {
		t.Errorf("CR: %+v", got)
	}
	if got := parse(t, "№;Логин;Администратор;Имя\n1;ivanov;да;A\n"); !slices.Equal(got.Unknown, []string{"№", "Администратор"}) || text(got.Rows[0].Name) != "A" {
		t.Errorf("unknown columns: %+v", got)
	}
}

// TestExcelCells: cells that Excel keeps as text, and cells that are protected from being formulas.
func TestExcelCells(t *testing.T) {
	f := parse(t, "login;phone;password\n"+`"=""007""";'+7 900;'=abc1234`+"\n"+`=""1"";"=""+7""";="00123456"`+"\n'012;-1;\n")
	var got []string
	for _, r := range f.Rows {
		got = append(got, r.Login, text(r.Phone), r.Password)
	}
	if f.Mistakes.Total != 1 || f.Mistakes.Listed[0] != (Mistake{Line: 3, Code: MistakeQuotes}) {
		t.Errorf("%+v", f.Mistakes)
	}
	if want := []string{"007", "+7 900", "'=abc1234", "012", "-1", ""}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestWrongFiles(t *testing.T) {
	for content, want := range map[string]FileError{
		"":                                  ErrEmpty,
		" \r\n":                             ErrEmpty,
		"PK\x03\x04....[Content_Types].xml": ErrSpreadsheet,
		"PK\x03\x04....mimetypeapplication/vnd.oasis.opendocument.spreadsheet": ErrSpreadsheet,
		"PK\x03\x04....photo.jpg":                           ErrArchive,
		"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1...":               ErrSpreadsheet,
		"%PDF-1.4":                                          ErrDocument,
		"<html><table>":                                     ErrDocument,
		"<?xml version=\"1.0\"?>":                           ErrDocument,
		"{\\rtf1":                                           ErrDocument,
		"\x1f\x8b\x08":                                      ErrArchive,
		"login\x00name":                                     ErrBinary,
		"l\x00o\x00g\x00i\x00n\x00":                         ErrBinary,
		"name;phone\nA;1\n":                                 ErrNoLogin,
		"ivanov;Иванов\n":                                   ErrNoLogin,
		"login;name\n":                                      ErrNoRows,
		"login\n" + strings.Repeat("a\n", MaxRows+1):        ErrTooManyRows,
		"login\n" + strings.Repeat("\n", maxLines+1):        ErrTooManyRows,
		"login\n" + strings.Repeat("a", MaxBytes):           ErrTooLarge,
		"login" + strings.Repeat(";", maxColumns) + "\na\n": ErrTooManyCells,
		"login\na" + strings.Repeat(",", maxCells+1):        ErrTooManyCells,
	} {
		if _, err := Parse(strings.NewReader(content)); !errors.Is(err, want) {
			t.Errorf("%.40q: %v, want %v", content, err, want)
		}
	}
}

// TestMistakes: every mistake is named with its line and column.
func TestMistakes(t *testing.T) {
	long := strings.Repeat("a", 129)
	f := parse(t, "login;name;password;enabled;vpn;phone;login\n"+
		"a b;"+long+";short;maybe;возможно;"+long+"\n"+
		"\"ok\n\";;;;;\n"+ // 3 and 4: a line end in a login
		";;;;;x\n"+
		"ivanov;A\n"+
		"IVANOV;B\n"+
		"corp\\petrov;;;;\n"+
		"c;;;;;;;extra\n"+
		"d;x\"y\n"+
		"e;\"open\n"+
		"f;fine\n"+
		"g;; spaces at the end \n"+
		"h;\xffab ёжик ёжик ёжик;\n"+
		"i;;;;да\n")
	want := []Mistake{
		{1, Login, MistakeColumnTwice, ""},
		{2, Name, "field_too_long", ""}, {2, Password, "field_password_short", ""}, {2, Enabled, MistakeChoice, "maybe"},
		{2, RemoteAccess, MistakeChoice, "возможно"}, {2, Phone, "field_too_long", ""}, {2, Login, "field_login_characters", "a b"},
		{5, Login, "field_required", ""},
		{7, Login, MistakeTwice, "6"},
		{8, Login, "field_login_separator", "corp\\petrov"},
		{9, "", MistakeCells, "extra"},
		{10, "", MistakeQuotes, ""},
		{11, "", MistakeQuotes, ""},
		{13, Password, MistakeSpace, ""},
		{14, Name, MistakeCharacters, "\ufffdab ёжик ёжик ёжик"},
	}
	if !reflect.DeepEqual(f.Mistakes.Listed, want) || f.Mistakes.Total != len(want) {
		t.Errorf("got\n%v\nwant\n%v", f.Mistakes.Listed, want)
	}
	for _, m := range f.Mistakes.Listed {
		if !slices.Contains(MistakeCodes, m.Code) {
			t.Errorf("%s is not listed", m.Code)
		}
	}
	many := parse(t, "login;enabled\n"+strings.Repeat("a b;x\n", 600))
	if many.Mistakes.Total != 1200 || len(many.Mistakes.Listed) != MaxMistakes {
		t.Errorf("%d, %d listed", many.Mistakes.Total, len(many.Mistakes.Listed))
	}
	var passwords strings.Builder
	for i := range MaxPasswords + 2 {
		fmt.Fprintf(&passwords, "u%d;long password\n", i)
	}
	if f := parse(t, "login;password\n"+passwords.String()); f.Mistakes.Total != 1 || f.Mistakes.Listed[0] != (Mistake{MaxPasswords + 2, Password, MistakePasswords, ""}) {
		t.Errorf("too many passwords: %v", f.Mistakes)
	}
	if m := parse(t, "\"login;name\na;b\n").Mistakes; m.Total != 1 || m.Listed[0] != (Mistake{Line: 1, Code: MistakeQuotes}) {
		t.Errorf("a header with an open quotation mark: %v", m)
	}
}

// large returns a table of n accounts in which the lines of wrong have a mistake.
func large(n int, wrong map[int]string) string {
	var b strings.Builder
	b.WriteString("Логин;Имя;Группа;Включена\r\n")
	for line := 2; line <= n+1; line++ {
		row := fmt.Sprintf("user%d;Человек %d;Офис;да", line, line)
		switch wrong[line] {
		case "field_login_characters":
			row = fmt.Sprintf("user %d;Человек;Офис;да", line)
		case MistakeChoice:
			row = fmt.Sprintf("user%d;Человек;Офис;наверное", line)
		case MistakeGroup:
			row = fmt.Sprintf("user%d;Человек;Склад;да", line)
		case MistakeQuotes:
			row = fmt.Sprintf("user%d;\"Человек;Офис;да", line)
		}
		b.WriteString(row + "\r\n")
	}
	return b.String()
}

// TestLargeTable: in 10,000 accounts each of 200 mistakes is named with its line, in every encoding.
func TestLargeTable(t *testing.T) {
	wrong, kinds := map[int]string{}, []string{"field_login_characters", MistakeChoice, MistakeGroup, MistakeQuotes}
	for i := range 200 {
		wrong[2+i*50] = kinds[i%len(kinds)]
	}
	ru := large(10_000, wrong)
	cp1251, err := charmap.Windows1251.NewEncoder().String(ru)
	if err != nil {
		t.Fatal(err)
	}
	utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(ru)
	if err != nil {
		t.Fatal(err)
	}
	known := Known{Tree: agent.NewGroupTree([]agent.Group{{ID: 1, Name: "Офис", Directory: agent.LocalDirectory}})}
	for name, content := range map[string]string{"UTF-8": ru, "commas": strings.ReplaceAll(ru, ";", ","), "cp1251": cp1251, "UTF-16": utf16} {
		p := NewPlan(parse(t, content), known)
		got := map[int]string{}
		for _, m := range p.Mistakes.Listed {
			got[m.Line] = m.Code
		}
		if p.Mistakes.Total != 200 || !reflect.DeepEqual(got, wrong) {
			t.Errorf("%s: %d mistakes: %v", name, p.Mistakes.Total, p.Mistakes.Listed[:min(10, len(p.Mistakes.Listed))])
		}
	}
	if p := NewPlan(parse(t, large(10_000, nil)), known); len(p.New) != 10_000 || p.Mistakes.Total > 0 || p.New[9_999].After.Group != 1 {
		t.Errorf("without mistakes: %d new, %v", len(p.New), p.Mistakes)
	}
}

var office = Known{
	Users: []agent.User{
		{ID: 1, Login: "boss", Name: "Boss", Directory: agent.LocalDirectory, Enabled: true, Admin: true},
		{ID: 2, Login: "Ivanov", Name: "Иванов", Directory: agent.LocalDirectory, Enabled: true, RemoteAccess: true, RemoteByGroups: true, Group: 2, Phone: "+7"},
		{ID: 3, Login: "look", Directory: agent.LocalDirectory, Enabled: true},
		{ID: 4, Login: "\uff4cook", Directory: agent.LocalDirectory, Enabled: true},
	},
	Own: 1,
	Tree: agent.NewGroupTree([]agent.Group{
		{ID: 1, Name: "Офис", Directory: agent.LocalDirectory, Rights: agent.Rights{RemoteAccess: new(bool)}},
		{ID: 2, Parent: 1, Name: "Продажи", Directory: agent.LocalDirectory, Rights: agent.Rights{RemoteAccess: yes()}},
		{ID: 3, Name: "Домен", Directory: "company.local"},
		{ID: 4, Name: "Район", Directory: agent.LocalDirectory},
		{ID: 5, Name: "A B", Directory: agent.LocalDirectory},
		{ID: 6, Name: "A  B", Directory: agent.LocalDirectory},
	}),
}

func yes() *bool {
	is := true
	return &is
}

func TestPlan(t *testing.T) {
	p := NewPlan(parse(t, "login;name;group;vpn;enabled;password\n"+
		"boss;Boss;;;;\n"+ // nothing changes
		"IVANOV;Иванов; офис ;;;new password\n"+
		"new;;Офис / продажи;;;\n"+
		"off;;;да;нет;\n"), office)
	if p.Mistakes.Total > 0 || p.Unchanged != 1 || len(p.New) != 2 || len(p.Changed) != 1 {
		t.Fatalf("%+v", p)
	}
	if c := p.Changed[0]; c.After.ID != 2 || c.After.Login != "Ivanov" || c.After.Phone != "+7" || c.After.Group != 1 || c.After.RemoteAccess || !c.Before.RemoteAccess ||
		!slices.Equal(c.Columns, []Column{Password, Group}) || c.Password != "new password" {
		t.Errorf("%+v", c)
	}
	if u := p.New[0].After; u.ID != 0 || u.Login != "new" || !u.Enabled || !u.RemoteByGroups || !u.RemoteAccess || !u.MustChange || u.Admin || u.Directory != agent.LocalDirectory || u.Group != 2 {
		t.Errorf("%+v", u)
	}
	if u := p.New[1].After; u.Enabled || !u.RemoteAccess || u.RemoteByGroups {
		t.Errorf("%+v", u)
	}
	mac := NewPlan(parse(t, "login;group\nnew;Раи\u0306он\n"), office) // й as two code points
	if mac.Mistakes.Total > 0 || mac.New[0].After.Group != 4 {
		t.Errorf("%+v", mac)
	}
	spaces := NewPlan(parse(t, "login;group\nnew;A B\n"), office) // names may differ in their inner spaces
	if spaces.Mistakes.Total > 0 || spaces.New[0].After.Group != 5 {
		t.Errorf("%+v", spaces)
	}
	wrong := NewPlan(parse(t, "login;group;enabled\nivanov;Склад;x\nnew;Домен;\nboss;;нет\nLOOK;;\nlook;;\n"), office)
	want := []Mistake{
		{2, Enabled, MistakeChoice, "x"}, {2, Group, MistakeGroup, "Склад"}, {3, Group, MistakeDirectoryGroup, "Домен"},
		{4, Enabled, MistakeOwnAccount, ""}, {5, Login, MistakeAlike, "LOOK"}, {6, Login, MistakeTwice, "5"},
	}
	if !reflect.DeepEqual(wrong.Mistakes.Listed, want) {
		t.Errorf("got\n%v\nwant\n%v", wrong.Mistakes.Listed, want)
	}
}

// TestRoundTrip: what Write writes changes nothing when it is read, and a spreadsheet program takes no cell for a formula.
func TestRoundTrip(t *testing.T) {
	users := []agent.User{{ID: 9, Login: "=cmd", Name: "+1", Phone: "+7 900", Comment: "@sum; \"a\"", Group: 2, RemoteByGroups: true}}
	for i, text := range []string{"'007", "''x", "'", "'=1", "-", "=1+1|cmd", "'abc", "a;b,c\td", "=\"007\"", "'0"} {
		users = append(users, agent.User{ID: agent.UserID(10 + i), Login: fmt.Sprintf("'%du", i), Name: agent.Clean(text, 99), Comment: text, MustChange: i%2 == 0, Enabled: i%3 == 0})
	}
	for i := range users {
		users[i].Directory = agent.LocalDirectory
		users[i].Comment = agent.Clean(users[i].Comment, agent.MaxComment)
		users[i] = office.Tree.Inherit(users[i])
	}
	for _, lang := range []string{"ru", "en"} {
		var out bytes.Buffer
		if err := Write(&out, lang, users, office.Tree); err != nil {
			t.Fatal(err)
		}
		f := parse(t, out.String())
		p := NewPlan(f, Known{Users: users, Tree: office.Tree})
		if p.Unchanged != len(users) || p.Mistakes.Total > 0 || len(f.Unknown) > 0 || len(f.Columns) != len(Columns)-1 {
			t.Errorf("%s: %+v\n%s", lang, p, out.String())
		}
		comma := choose(lang == "ru", ";", ",")
		for _, line := range strings.Split(out.String(), "\r\n")[1:] {
			for _, cell := range strings.Split(line, comma) {
				if cell = strings.TrimPrefix(cell, `"`); cell != "" && strings.Contains(dangerous, cell[:1]) {
					t.Errorf("%s: %q is a formula", lang, cell)
				}
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"login;name\nivanov;A\n", "sep=,\nlogin,password\na,\"b\"\"c\"\n", "Логин\tVPN\r\na\tда\r\n", "login\n\"a\n\n=\"\"", "\xff\xfel\x00o\x00", "login;group\na;Офис/Продажи\n'=b;x\n",
		"\xcb\xee\xe3\xe8\xed;\xc8\xec\xff\n\xe8;\xff\n", "login;enabled\na;\"x\nb;\"\"\"\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := Parse(bytes.NewReader(content))
		if err != nil {
			return
		}
		lines := bytes.Count(content, []byte("\n")) + bytes.Count(content, []byte("\r")) + 1
		last := 0
		for _, r := range file.Rows {
			if r.Line <= last || r.Line > lines {
				t.Fatalf("line %d after %d of %d", r.Line, last, lines)
			}
			last = r.Line
		}
		plan := NewPlan(file, office)
		if plan.Mistakes.Total < file.Mistakes.Total {
			t.Fatal("mistakes are lost")
		}
		if plan.Mistakes.Total > 0 {
			return
		}
		var users []agent.User
		for i, c := range append(plan.New, plan.Changed...) {
			if c.After.Admin && !c.Before.Admin {
				t.Fatal("a file makes an administrator")
			}
			c.After.ID = agent.UserID(i + 1)
			users = append(users, c.After)
		}
		var out bytes.Buffer
		if err := Write(&out, "ru", users, office.Tree); err != nil {
			t.Fatal(err)
		}
		again, err := Parse(&out)
		if err != nil && !(len(users) == 0 && errors.Is(err, ErrNoRows)) {
			t.Fatal(err)
		}
		if p := NewPlan(again, Known{Users: users, Tree: office.Tree}); p.Unchanged != len(users) || p.Mistakes.Total > 0 {
			t.Fatalf("not read as written: %+v", p)
		}
	})
}

// TestManyCells: a file of separators does not take the memory and time of millions of cells.
func TestManyCells(t *testing.T) {
	for name, content := range map[string]string{
		"in the header": "login" + strings.Repeat(";", MaxBytes-10) + "\na\n",
		"in a row":      "login\na" + strings.Repeat("\t", MaxBytes-10),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Parse(strings.NewReader(content))
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; !errors.Is(err, ErrTooManyCells) || used > 20*MaxBytes {
			t.Errorf("%s: %v, %d MB", name, err, used>>20)
		}
	}
}
