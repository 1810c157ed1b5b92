package templates

import (
	"net/url"
	"strconv"
	"time"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// JournalPath is the URL path of the page [AdminJournal].
const JournalPath = "/admin/journal"

// AdminJournalData fills [AdminJournal].
type AdminJournalData struct {
	Filter   JournalFilterForm
	Errors   map[string]string // by field: from, to
	Entries  []agent.JournalEntry
	Total    int                   // entries that the filter selects
	AtLeast  bool                  // there may be more than Total
	Page     int                   // from 1
	Size     int                   // rows per page
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
	Order  string // order: one of JournalOrders; empty = the newest first
}

// Values of JournalFilterForm.
const (
	JournalSessions = "sessions"
	JournalRefusals = "refusals"

	JournalOldest  = "oldest"
	JournalByLogin = "login"
	JournalLongest = "longest"
	JournalLargest = "largest"
)

// JournalPeriods and JournalOrders list the values of JournalFilterForm. The periods are those of [agent.JournalDateRange].
var (
	JournalPeriods = []string{"today", "yesterday", "cur_week", "prev_week", "cur_month", "prev_month"}
	JournalOrders  = []string{JournalOldest, JournalByLogin, JournalLongest, JournalLargest}
)

// JournalCodes lists the refusals that the filter offers: those that people can cause, not those of faulty programs.
var JournalCodes = []agent.Code{agent.CodeBadCredentials, agent.CodeTooManyAttempts, agent.CodeAccountDisabled, agent.CodeAccountLocked,
	agent.CodeAccountExpired, agent.CodePasswordExpired, agent.CodePasswordMustChange, agent.CodeNotPermitted, agent.CodeLogonRestricted,
	agent.CodeSmartcardRequired, agent.CodeVPNNotAllowed, agent.CodeVPNUnavailable, agent.CodeDeviceLimit, agent.CodeAddressBusy, agent.CodePoolExhausted,
	agent.CodeAgentDisabled, agent.CodeDirectoryUnreachable, agent.CodeSSORefused, agent.CodeStoreUnavailable, agent.CodeInternal}

func (f JournalFilterForm) values() url.Values {
	query := url.Values{}
	for _, one := range []HiddenField{{"q", f.Query}, {"period", f.Period}, {"from", f.From}, {"to", f.To}, {"what", f.What}, {"group", f.Group},
		{"way", f.Way}, {"reason", f.Reason}, {"order", f.Order}} {
		if one.Value != "" {
			query.Set(one.Name, one.Value)
		}
	}
	return query
}

// empty reports whether all entries are shown, the newest first.
func (f JournalFilterForm) empty() bool { return f == JournalFilterForm{} }

// folded reports whether all fields but Query are empty, so that the page hides them.
func (f JournalFilterForm) folded() bool { return f == JournalFilterForm{Query: f.Query} }

// url returns the URL of a path with the filter.
func (f JournalFilterForm) url(path string) string {
	if query := f.values().Encode(); query != "" {
		return path + "?" + query
	}
	return path
}

// pages returns the links to the pages before and after this one.
func (d AdminJournalData) pages(l *locale.Localizer) pages {
	at := func(page int) string {
		query := d.Filter.values()
		query.Set("page", strconv.Itoa(page))
		return JournalPath + "?" + query.Encode()
	}
	from := (d.Page-1)*d.Size + 1
	to := from + len(d.Entries) - 1
	links := pages{Range: l.T("paging_range", locale.Args{"From": l.Whole(from), "To": l.Whole(to), "Total": l.Whole(d.Total)})}
	if d.AtLeast {
		links.Range = l.T("journal_range", locale.Args{"From": l.Whole(from), "To": l.Whole(to), "Total": l.Whole(d.Total)})
	}
	if d.Page > 1 {
		links.Previous = at(d.Page - 1)
	}
	if !d.Last && len(d.Entries) == d.Size && (d.AtLeast || to < d.Total) {
		links.Next = at(d.Page + 1)
	}
	return links
}

// count returns the text with the number of entries that the filter selects.
func (d AdminJournalData) count(l *locale.Localizer) string {
	return l.N(choose(d.AtLeast, "journal_more", "journal_count"), d.Total, locale.Args{"Count": l.Whole(d.Total)})
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

func journalOrders(l *locale.Localizer) []option {
	return journalOptions(l.T("journal_order_newest"), JournalOrders, func(one string) string { return l.T("journal_order_" + one) })
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
