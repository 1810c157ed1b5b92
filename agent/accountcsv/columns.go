package accountcsv

import "strings"

// Column is a column of the table. Its value is the name in English.
type Column string

// Columns of the table.
const (
	Login        Column = "login"
	Name         Column = "name"
	Password     Column = "password" // never written
	Group        Column = "group"    // path of a local group: «Офис/Продажи»
	Enabled      Column = "enabled"
	RemoteAccess Column = "remote_access" // yes, no, or as the groups allow it
	Phone        Column = "phone"
	Comment      Column = "comment"
	MustChange   Column = "must_change"
)

// Columns lists every Column in the order in which Write writes them.
var Columns = []Column{Login, Name, Password, Group, Enabled, RemoteAccess, Phone, Comment, MustChange}

// headers are the names of the columns in a file, as headerKey returns them. The first name of a column in each language is the
// one that Write writes.
var headers = map[Column]struct{ ru, en []string }{
	Login:        {[]string{"логин", "имя пользователя", "учётная запись"}, []string{"login", "user", "username", "user name", "account"}},
	Name:         {[]string{"имя", "фио", "ф.и.о."}, []string{"name", "full name", "display name"}},
	Password:     {[]string{"пароль"}, []string{"password", "psw"}},
	Group:        {[]string{"группа"}, []string{"group"}},
	Enabled:      {[]string{"включена", "включен", "включён", "активна"}, []string{"enabled", "active"}},
	RemoteAccess: {[]string{"удалённый доступ", "доступ извне", "vpn"}, []string{"remote access"}},
	Phone:        {[]string{"телефон"}, []string{"phone", "phone number"}},
	Comment:      {[]string{"комментарий", "примечание"}, []string{"comment", "note"}},
	MustChange:   {[]string{"сменить пароль", "сменить пароль при первом входе"}, []string{"must change", "must change password"}},
}

// columnsByHeader has the column of each headerKey.
var columnsByHeader = func() map[string]Column {
	all := map[string]Column{}
	for column, names := range headers {
		for _, name := range append(names.ru, names.en...) {
			all[headerKey(name)] = column
		}
	}
	return all
}()

// Title returns the name of a column in a file, "ru" or "en".
func (c Column) Title(lang string) string {
	name := headers[c].ru[0]
	if lang == "en" {
		name = string(c)
	}
	return name
}

// headerKey makes spellings of a column's name equal: case, «ё» and «е», underscores and runs of spaces.
func headerKey(name string) string {
	name = strings.NewReplacer("ё", "е", "_", " ", "\u00a0", " ").Replace(strings.ToLower(name))
	return strings.Join(strings.Fields(name), " ")
}

// Choices in cells, by headerKey.
var (
	choices = map[string]bool{
		"да": true, "yes": true, "1": true, "true": true, "истина": true, "вкл": true, "on": true, "y": true,
		"нет": false, "no": false, "0": false, "false": false, "ложь": false, "выкл": false, "off": false, "n": false,
	}
	inherited = map[string]bool{"как в группе": true, "по группе": true, "as in the group": true, "as in group": true, "group": true}
)

// word returns a cell for a choice.
func word(lang string, yes bool) string {
	switch {
	case lang == "en" && yes:
		return "yes"
	case lang == "en":
		return "no"
	case yes:
		return "да"
	}
	return "нет"
}

// inheritedWord is the cell for remote access as the groups allow it.
func inheritedWord(lang string) string {
	if lang == "en" {
		return "as in the group"
	}
	return "как в группе"
}
