package templates

import (
	"strings"
	"time"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// ActsPath is the URL path of the page [AdminActs].
const ActsPath = "/admin/acts"

// ActsTable is the table of the page Журналы → Журнал действий. Its order is fixed: the newest act is the first.
var ActsTable = &Table{
	Name: "acts", Path: ActsPath, Title: "acts_title", CSV: ActsPath + ".csv", Sizes: []int{50, 100, 300},
	Columns: []Column{
		{Key: "time", Label: "column_time", Fixed: true},
		{Key: "who", Label: "acts_who", Fixed: true},
		{Key: "act", Label: "acts_what", Fixed: true},
		{Key: "changes", Label: "acts_changes"},
		{Key: "from", Label: "acts_from"},
	},
}

// AdminActsData fills [AdminActs].
type AdminActsData struct {
	View     TableView
	Filter   ActsFilterForm
	Errors   map[string]string // by field: from, to
	Acts     []agent.Act
	Logins   []string              // to choose from
	Days     int                   // how long acts are kept
	Accounts map[agent.UserID]bool // which accounts of those who did something still exist
	Now      time.Time
}

// ActsFilterForm is the filter of the journal of acts. Its fields are those of the query string; empty = any.
type ActsFilterForm struct {
	Query string // q
	Who   string // who: a login, or ActsByCommand or ActsByGateway
	Kind  string // kind: an agent.ActKind
	From  string // from: the first day, such as 2026-11-23
	To    string // to: the last day
}

// Values of ActsFilterForm.Who. No login begins with an asterisk and a colon.
const (
	ActsByCommand = "*:command"
	ActsByGateway = "*:gateway"
)

// Fields returns the fields that are not empty.
func (f ActsFilterForm) Fields() (fields []HiddenField) {
	for _, one := range []HiddenField{{"q", f.Query}, {"who", f.Who}, {"kind", f.Kind}, {"from", f.From}, {"to", f.To}} {
		if one.Value != "" {
			fields = append(fields, one)
		}
	}
	return fields
}

// empty reports whether all acts are shown.
func (f ActsFilterForm) empty() bool { return f == ActsFilterForm{} }

// folded reports whether all fields but Query are empty, so that the page hides them.
func (f ActsFilterForm) folded() bool { return f == ActsFilterForm{Query: f.Query} }

// count returns the text with the number of acts that the filter selects.
func (d AdminActsData) count(l *locale.Localizer) string {
	return l.N(choose(d.View.AtLeast, "journal_more", "journal_count"), d.View.Total, locale.Args{"Count": l.Whole(d.View.Total)})
}

func (d AdminActsData) people(l *locale.Localizer) []option {
	options := []option{{"", l.T("acts_anybody")}}
	for _, login := range d.Logins {
		options = append(options, option{login, login})
	}
	return append(options, option{ActsByCommand, l.ActSource(agent.ActByCommand)}, option{ActsByGateway, l.ActSource(agent.ActByGateway)})
}

func actKinds(l *locale.Localizer) []option {
	return journalOptions(l.T("acts_any_kind"), agent.ActKinds, l.ActKind)
}

// ActWho names who did it: a login, the command line or the gateway.
func ActWho(l *locale.Localizer, a agent.Act) string {
	if a.Login != "" {
		return a.Login
	}
	return l.ActSource(a.Source)
}

// shownChanges is how many changes of an act are always visible.
const shownChanges = 2

// actChange is a change for people. Before is empty if there was no object before.
type actChange struct{ Field, Before, After string }

// text returns a change as a text: «Имя: Иван → Иван Петров».
func (c actChange) text() string {
	if c.Before == "" {
		return c.Field + ": " + c.After
	}
	return c.Field + ": " + c.Before + " → " + c.After
}

// actChanges returns the changes of an act. Of an object that was created or deleted they are its fields.
func actChanges(l *locale.Localizer, a agent.Act) (changes []actChange) {
	kind := agent.ActCodes[a.Code]
	for _, c := range a.Changes {
		one := actChange{Field: l.ActField(kind, c.Field), Before: l.ActValue(c.Field, c.Before), After: l.ActValue(c.Field, c.After)}
		switch {
		case c.Hidden:
			one.Before, one.After = "", l.T("act_hidden")
		case a.Code.Creates():
			one.Before = ""
		case a.Code.Deletes():
			one.Before, one.After = "", one.Before
		}
		changes = append(changes, one)
	}
	return changes
}

// ActChangesText returns all changes of an act as one text.
func ActChangesText(l *locale.Localizer, a agent.Act) string {
	var texts []string
	for _, c := range actChanges(l, a) {
		texts = append(texts, c.text())
	}
	return strings.Join(texts, "; ")
}

// shownNames is how many names of an act on several objects are shown at once.
const shownNames = 3

// firstNames returns the first names of an act on several objects.
func firstNames(a agent.Act) string {
	text := strings.Join(a.Names[:min(len(a.Names), shownNames)], ", ")
	if a.Count > shownNames {
		text += "…"
	}
	return text
}

// moreNames returns the names in the act for the unfolded list.
func moreNames(a agent.Act) string {
	text := strings.Join(a.Names, ", ")
	if a.Count > len(a.Names) {
		text += "…"
	}
	return text
}
