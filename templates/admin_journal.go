package templates

import (
	"strings"
	"time"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// JournalPath is the URL path of the page [AdminJournal].
const JournalPath = "/admin/journal"

// JournalTable is the table of the page Журналы → Журнал авторизации. The keys of sorted columns are those of [agent.JournalColumn].
var JournalTable = &Table{
	Name: "journal", Path: JournalPath, Title: "journal_title", Sort: "-" + string(agent.JournalStart), Sizes: []int{50, 100, 200},
	Columns: []Column{
		{Key: string(agent.JournalStart), Label: "journal_start", Sortable: true, Down: true, Fixed: true},
		{Key: string(agent.JournalLogin), Label: "column_person", Sortable: true, Fixed: true},
		{Key: string(agent.JournalGroup), Label: "column_group", Off: true},
		{Key: string(agent.JournalReason), Label: "column_outcome"},
		{Key: string(agent.JournalInner), Label: "journal_address"},
		{Key: string(agent.JournalMAC), Label: "column_mac", Off: true},
		{Key: string(agent.JournalDevice), Label: "column_device"},
		{Key: string(agent.JournalWay), Label: "column_way"},
		{Key: string(agent.JournalEnd), Label: "journal_end", Sortable: true, Down: true},
		{Key: string(agent.JournalDuration), Label: "column_online", Sortable: true, Down: true, Off: true},
		{Key: string(agent.JournalBytes), Label: "column_traffic", Sortable: true, Down: true, Number: true},
	},
}

// AdminJournalData fills [AdminJournal].
type AdminJournalData struct {
	Filter   JournalFilterForm
	Errors   map[string]string // by field: from, to
	Entries  []agent.JournalEntry
	View     TableView
	Last     bool                  // no later page can be shown
	Days     int                   // how long entries are kept
	Accounts map[agent.UserID]bool // which accounts of Entries still exist
	Now      time.Time
}

// JournalFilterForm is the filter of the journal. Its fields are those of the query string; empty = any.
type JournalFilterForm struct {
	Query  string // q
	Period string // period: one of JournalPeriods; empty = From and To
	From   string // from: the first day, such as 2026-11-23
	To     string // to: the last day
	What   string // what: JournalSessions or JournalRefusals
	Group  string // group: a part of the groups' names
	Way    string // way: an agent.Way
	Reason string // reason: an agent.Reason or an agent.Code
}

// Values of JournalFilterForm.
const (
	JournalSessions = "sessions"
	JournalRefusals = "refusals"
)

// JournalPeriods are the values of JournalFilterForm.Period: those of [agent.JournalDateRange].
var JournalPeriods = []string{"today", "yesterday", "cur_week", "prev_week", "cur_month", "prev_month"}

// JournalCodes lists the refusals that the filter offers: those that people can cause, not those of faulty programs.
var JournalCodes = []agent.Code{agent.CodeBadCredentials, agent.CodeTooManyAttempts, agent.CodeAccountDisabled, agent.CodeAccountLocked,
	agent.CodeAccountExpired, agent.CodePasswordExpired, agent.CodePasswordMustChange, agent.CodeNotPermitted, agent.CodeLogonRestricted,
	agent.CodeSmartcardRequired, agent.CodeVPNNotAllowed, agent.CodeVPNUnavailable, agent.CodeDeviceLimit, agent.CodeAddressBusy, agent.CodePoolExhausted,
	agent.CodeAgentDisabled, agent.CodeDirectoryUnreachable, agent.CodeSSORefused, agent.CodeStoreUnavailable, agent.CodeInternal}

// Pairs returns the fields of the query string that are set.
func (f JournalFilterForm) Pairs() (fields []HiddenField) {
	for _, one := range []HiddenField{{"q", f.Query}, {"period", f.Period}, {"from", f.From}, {"to", f.To}, {"what", f.What}, {"group", f.Group},
		{"way", f.Way}, {"reason", f.Reason}} {
		if one.Value != "" {
			fields = append(fields, one)
		}
	}
	return fields
}

// empty reports whether all entries are shown.
func (f JournalFilterForm) empty() bool { return f == JournalFilterForm{} }

// folded reports whether all fields but Query are empty, so that the page hides them.
func (f JournalFilterForm) folded() bool { return f == JournalFilterForm{Query: f.Query} }

// fileURL returns the URL of a file with all entries of the filter. Its order is that of time.
func (d AdminJournalData) fileURL(extension string) string {
	v := d.View
	if v.Sort != string(agent.JournalStart) {
		v.Sort, v.Down = string(agent.JournalStart), true
	}
	return tableURL(JournalPath+extension, v.orderFields())
}

// count returns the text with the number of entries that the filter selects.
func (d AdminJournalData) count(l *locale.Localizer) string {
	return l.N(choose(d.View.AtLeast, "journal_more", "journal_count"), d.View.Total, locale.Args{"Count": l.Whole(d.View.Total)})
}

func journalOptions[T ~string](any string, values []T, label func(T) string) []option {
	options := []option{{"", any}}
	for _, one := range values {
		options = append(options, option{string(one), label(one)})
	}
	return options
}

func journalPeriods(l *locale.Localizer) []option {
	return journalOptions(l.T("journal_period_any"), JournalPeriods, func(one string) string { return l.T("journal_period_" + one) })
}

func journalWhat(l *locale.Localizer) []option {
	return []option{{"", l.T("journal_what_any")}, {JournalSessions, l.T("journal_what_sessions")}, {JournalRefusals, l.T("journal_what_refusals")}}
}

func journalWays(l *locale.Localizer) []option {
	return journalOptions(l.T("filter_any"), agent.Ways, l.Way)
}

// fromOutside reports whether the connection came from another address than the one with access.
func fromOutside(e agent.JournalEntry) bool { return e.Outer.IsValid() && e.Outer != e.Inner }

// journalWay names the way of an entry, or the kind of a session from before ways were stored.
func journalWay(l *locale.Localizer, e agent.JournalEntry) string {
	switch {
	case e.Way != "":
		return l.Way(e.Way)
	case e.Kind != "":
		return l.Kind(e.Kind)
	}
	return "—"
}

// personOf names the person of an entry: «Иванов Иван · ivanov · company.ru».
func personOf(e agent.JournalEntry) string {
	parts := []string{}
	for _, one := range []string{e.Name, e.Login} {
		if one != "" {
			parts = append(parts, one)
		}
	}
	if e.Directory != "" && e.Directory != agent.LocalDirectory {
		parts = append(parts, e.Directory)
	}
	return strings.Join(parts, " · ")
}

// entryAddress is the address that is shown of an entry: that in the LAN, or in the tunnel, or outside.
func entryAddress(e agent.JournalEntry) string {
	switch {
	case e.Inner.IsValid():
		return address(e.Inner)
	case e.Tunnel.IsValid():
		return address(e.Tunnel)
	}
	return address(e.Outer)
}

// entryAddresses has all addresses of an entry, one a line.
func entryAddresses(l *locale.Localizer, e agent.JournalEntry) string {
	var lines []string
	if e.Inner.IsValid() {
		lines = append(lines, address(e.Inner))
	}
	if e.Tunnel.IsValid() {
		lines = append(lines, l.T("journal_tunnel", locale.Args{"Address": address(e.Tunnel)}))
	}
	if fromOutside(e) {
		lines = append(lines, l.T("address_from", locale.Args{"Address": address(e.Outer)}))
	}
	if e.MAC != "" {
		lines = append(lines, e.MAC)
	}
	return strings.Join(lines, "\n")
}
