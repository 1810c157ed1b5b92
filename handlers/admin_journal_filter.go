package handlers

import (
	"slices"
	"time"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// readJournalFilter reads the filter of the journal from the fields of a query string. It drops values that the form does not offer.
func readJournalFilter(value func(string) string) templates.JournalFilterForm {
	f := templates.JournalFilterForm{
		Query:  agent.Clean(value("q"), agent.MaxJournalText),
		Period: value("period"),
		From:   agent.Clean(value("from"), 10),
		To:     agent.Clean(value("to"), 10),
		What:   value("what"),
		Group:  agent.Clean(value("group"), agent.MaxJournalText),
		Way:    value("way"),
		Reason: value("reason"),
	}
	clearUnlisted(&f.Period, templates.JournalPeriods)
	clearUnlisted(&f.What, []string{templates.JournalSessions, templates.JournalRefusals})
	if !slices.Contains(agent.Ways, agent.Way(f.Way)) {
		f.Way = ""
	}
	if !slices.Contains(agent.Reasons, agent.Reason(f.Reason)) && !slices.Contains(agent.Codes, agent.Code(f.Reason)) {
		f.Reason = ""
	}
	if f.Period != "" {
		f.From, f.To = "", ""
	}
	return f
}

// clearUnlisted clears a field whose value is not listed.
func clearUnlisted(field *string, values []string) {
	if !slices.Contains(values, *field) {
		*field = ""
	}
}

// journalQuery returns the query of a form, without order, Offset and Limit.
func journalQuery(f templates.JournalFilterForm) (agent.JournalQuery, agent.Problems) {
	q := agent.JournalQuery{Search: f.Query}
	add := func(column agent.JournalColumn, operator agent.JournalOperator, values ...string) {
		if values[0] != "" {
			q.Filter.Of = append(q.Filter.Of, agent.JournalFilter{Column: column, Operator: operator, Values: values})
		}
	}
	add(agent.JournalStart, agent.JournalDateRange, f.Period)
	first, last, problems := journalDays(f)
	add(agent.JournalStart, agent.JournalDateRange, first, last)
	add(agent.JournalGroup, agent.JournalContains, f.Group)
	add(agent.JournalWay, agent.JournalEquals, f.Way)
	add(agent.JournalReason, agent.JournalEquals, f.Reason)
	if f.What != "" {
		refusals := f.What == templates.JournalRefusals
		q.Refusals = &refusals
	}
	return q, problems
}

// journalDays returns the bounds of an [agent.JournalDateRange] for the days of a form: first is included, last is not. Both are
// empty if the form has no day.
func journalDays(f templates.JournalFilterForm) (first, last string, problems agent.Problems) {
	from, to := time.Unix(0, 0), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, one := range []struct {
		name, text string
		day        *time.Time
		add        int
	}{{"from", f.From, &from, 0}, {"to", f.To, &to, 1}} {
		if one.text == "" {
			continue
		}
		day, err := readDay(one.text)
		if err != nil {
			problems = append(problems, agent.Problem{Field: one.name, Code: locale.JournalDateWrong, Value: one.text})
		}
		*one.day = day.AddDate(0, 0, one.add)
	}
	switch {
	case problems != nil || f.From == "" && f.To == "":
		return "", "", problems
	case !from.Before(to):
		return "", "", agent.Problems{{Field: "to", Code: locale.JournalDatesReversed}}
	}
	return from.Format(time.RFC3339), to.Format(time.RFC3339), nil
}
