package accountcsv

import (
	"encoding/csv"
	"io"

	"ideco-agent/agent"
)

// Write writes local accounts in the form that the spreadsheet programs of a language ("ru" or "en") open: UTF-8 with a byte order
// mark, and the semicolon as separator in Russian, the comma in English. It writes no passwords.
func Write(w io.Writer, lang string, users []agent.User, tree agent.GroupTree) error {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return err
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if lang != "en" {
		out.Comma = ';'
	}
	record := func(cell func(Column) string) error {
		var cells []string
		for _, c := range Columns {
			if c != Password {
				cells = append(cells, cell(c))
			}
		}
		return out.Write(cells)
	}
	if err := record(func(c Column) string { return c.Title(lang) }); err != nil {
		return err
	}
	for _, u := range users {
		if err := record(func(c Column) string { return Protect(c.Value(u, lang, tree)) }); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// Value returns the cell of an account, "ru" or "en". It is empty for Password.
func (c Column) Value(u agent.User, lang string, tree agent.GroupTree) string {
	switch c {
	case Login:
		return u.Login
	case Name:
		return u.Name
	case Group:
		return tree.FullName(u.Group)
	case Enabled:
		return word(lang, u.Enabled)
	case RemoteAccess:
		if u.RemoteByGroups {
			return inheritedWord(lang)
		}
		return word(lang, u.RemoteAccess)
	case Phone:
		return u.Phone
	case Comment:
		return u.Comment
	case MustChange:
		return word(lang, u.MustChange)
	}
	return ""
}
