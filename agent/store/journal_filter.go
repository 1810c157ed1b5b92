package store

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"ideco-agent/agent"
)

// journalWhere is the WHERE clause of a JournalQuery while it is being made.
type journalWhere struct {
	now        time.Time
	args       []any
	conditions int // seen so far
}

// arg adds an argument and returns its placeholder.
func (w *journalWhere) arg(value any) string {
	w.args = append(w.args, value)
	return fmt.Sprint("$", len(w.args))
}

// query returns the condition of a whole query. Errors: agent.Problem.
func (w *journalWhere) query(q agent.JournalQuery) (string, error) {
	parts := []string{}
	if q.Refusals != nil {
		parts = append(parts, isRefusal(*q.Refusals))
	}
	if q.Search != "" {
		if utf8.RuneCountInString(q.Search) > agent.MaxJournalText {
			return "", agent.Problem{Field: "search", Code: "field_too_long"}
		}
		parts = append(parts, w.search(q.Search))
	}
	if !isEmpty(q.Filter) {
		filter, err := w.filter(q.Filter)
		if err != nil {
			return "", err
		}
		parts = append(parts, filter)
	}
	if len(parts) == 0 {
		return "TRUE", nil
	}
	return "(" + strings.Join(parts, " AND ") + ")", nil
}

func isRefusal(is bool) string {
	if is {
		return "refusal <> ''"
	}
	return "refusal = ''"
}

func isEmpty(f agent.JournalFilter) bool {
	return f.Column == "" && f.Operator == "" && len(f.Values) == 0 && len(f.Of) == 0
}

// filter returns a filter as SQL.
func (w *journalWhere) filter(f agent.JournalFilter) (string, error) {
	if w.conditions++; w.conditions > agent.MaxJournalConditions {
		return "", agent.Problem{Field: "filter", Code: "field_journal_conditions"}
	}
	if f.Column != "" || f.Operator != "" || len(f.Values) > 0 {
		if len(f.Of) > 0 {
			return "", agent.Problem{Field: "filter", Code: "field_journal_operator", Value: agent.Clean(string(f.Operator), 64)}
		}
		return w.condition(f)
	}
	if len(f.Of) == 0 {
		return "TRUE", nil
	}
	parts := make([]string, len(f.Of))
	for i, one := range f.Of {
		part, err := w.filter(one)
		if err != nil {
			return "", err
		}
		parts[i] = part
	}
	link := " AND "
	if f.Any {
		link = " OR "
	}
	return "(" + strings.Join(parts, link) + ")", nil
}

// condition returns one comparison as SQL.
func (w *journalWhere) condition(f agent.JournalFilter) (string, error) {
	if len(f.Values) > agent.MaxJournalConditions {
		return "", agent.Problem{Field: "filter", Code: "field_journal_conditions"}
	}
	if len(f.Values) == 0 {
		return "", agent.Problem{Field: "filter", Code: "field_required"}
	}
	for _, v := range f.Values {
		if utf8.RuneCountInString(v) > agent.MaxJournalText {
			return "", agent.Problem{Field: "filter", Code: "field_too_long"}
		}
	}
	if numbers, is := journalNumbers[f.Column]; is {
		return w.compare(f, numbers)
	}
	if _, is := journalTexts[f.Column]; is {
		return w.text(f)
	}
	return "", agent.Problem{Field: "filter", Code: "field_journal_column", Value: agent.Clean(string(f.Column), 64)}
}

// journalTexts are the expressions of columns of text.
var journalTexts = map[agent.JournalColumn][]string{
	agent.JournalLogin:  {"login"},
	agent.JournalName:   {"name"},
	agent.JournalGroup:  {"groups"},
	agent.JournalDevice: {"device_name"},
	agent.JournalMAC:    {"mac"},
	agent.JournalInner:  {"address"},
	agent.JournalOuter:  {"external_ip"},
	agent.JournalWay:    {"way"},
	agent.JournalReason: {"reason", "refusal"},
}

// text returns a comparison of a column of text.
func (w *journalWhere) text(f agent.JournalFilter) (string, error) {
	var parts []string
	for _, column := range journalTexts[f.Column] {
		for _, v := range f.Values {
			switch f.Operator {
			case agent.JournalContains, agent.JournalNotContains, agent.JournalContainsAny, agent.JournalNotContainsAny:
				parts = append(parts, column+` LIKE `+w.arg(likePattern(v))+` ESCAPE '\'`)
			case agent.JournalEquals, agent.JournalNotEquals:
				parts = append(parts, column+` = `+w.arg(v))
			default:
				return "", agent.Problem{Field: "filter", Code: "field_journal_operator", Value: agent.Clean(string(f.Operator), 64)}
			}
		}
	}
	condition := "(" + strings.Join(parts, " OR ") + ")"
	if slices.Contains([]agent.JournalOperator{agent.JournalNotContains, agent.JournalNotContainsAny, agent.JournalNotEquals}, f.Operator) {
		condition = "NOT " + condition
	}
	return condition, nil
}

// search returns the condition of JournalQuery.Search.
func (w *journalWhere) search(text string) string {
	pattern := w.arg(likePattern(text))
	var parts []string
	for _, column := range []string{"login", "name", "device_name", "mac", "address", "external_ip"} {
		parts = append(parts, column+" LIKE "+pattern+` ESCAPE '\'`)
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

// journalNumber is a column that is compared as a number.
type journalNumber struct {
	expression string // in SQL; % is the present time
	known      string // condition under which there is a value
	isTime     bool   // in microseconds
}

var journalNumbers = map[agent.JournalColumn]journalNumber{
	agent.JournalStart:    {"started", "TRUE", true},
	agent.JournalEnd:      {"ended", "ended <> 0", true},
	agent.JournalDuration: {"(CASE WHEN ended = 0 THEN % ELSE ended END - started) / 1000000", "TRUE", false},
	agent.JournalBytes:    {"(rx + tx)", "TRUE", false},
}

// compare returns a comparison of a number or a time.
func (w *journalWhere) compare(f agent.JournalFilter, column journalNumber) (string, error) {
	bad := func(value string) error {
		return agent.Problem{Field: "filter", Code: "field_journal_value", Value: agent.Clean(value, 64)}
	}
	expression := column.expression
	if strings.Contains(expression, "%") {
		expression = strings.Replace(expression, "%", w.arg(micros(w.now)), 1)
	}
	low, high := make([]int64, len(f.Values)), make([]int64, len(f.Values))
	for i, v := range f.Values {
		from, until, ok := w.span(v, column.isTime)
		if !ok {
			return "", bad(v)
		}
		low[i], high[i] = from, until
	}
	first, last := low[0], high[len(high)-1]
	condition := ""
	switch f.Operator {
	case agent.JournalEquals, agent.JournalNotEquals:
		condition = fmt.Sprintf("%s >= %s AND %s < %s", expression, w.arg(first), expression, w.arg(high[0]))
	case agent.JournalGreater:
		condition = fmt.Sprintf("%s >= %s", expression, w.arg(high[0]))
	case agent.JournalGreaterEqual:
		condition = fmt.Sprintf("%s >= %s", expression, w.arg(first))
	case agent.JournalLessEqual:
		condition = fmt.Sprintf("%s < %s", expression, w.arg(high[0]))
	case agent.JournalRange, agent.JournalDateRange:
		if len(f.Values) > 2 || len(f.Values) == 1 && !column.isTime {
			return "", bad(f.Values[0])
		}
		condition = fmt.Sprintf("%s >= %s AND %s < %s", expression, w.arg(first), expression, w.arg(last))
	default:
		return "", agent.Problem{Field: "filter", Code: "field_journal_operator", Value: agent.Clean(string(f.Operator), 64)}
	}
	condition = "(" + condition + " AND " + column.known + ")"
	if f.Operator == agent.JournalNotEquals {
		condition = "NOT " + condition
	}
	return condition, nil
}

// span returns what a value means: all from the first number to before the second. A time without seconds is a whole minute, a
// date a whole day.
func (w *journalWhere) span(value string, isTime bool) (from, until int64, ok bool) {
	if !isTime {
		n, err := strconv.ParseInt(value, 10, 64)
		return n, n + 1, err == nil && n < 1<<62 && n > -1<<62
	}
	if from, until, ok := namedDays(value, w.now); ok {
		return from.UnixMicro(), until.UnixMicro(), true
	}
	for _, form := range []struct {
		layout string
		length time.Duration
	}{
		{time.RFC3339Nano, time.Microsecond},
		{"2006-01-02T15:04:05", time.Second},
		{"2006-01-02 15:04:05", time.Second},
		{"2006-01-02T15:04", time.Minute},
		{"2006-01-02 15:04", time.Minute},
	} {
		if t, err := time.ParseInLocation(form.layout, value, w.now.Location()); err == nil {
			return t.UnixMicro(), t.Add(form.length).UnixMicro(), true
		}
	}
	day, err := time.ParseInLocation(time.DateOnly, value, w.now.Location())
	return day.UnixMicro(), day.AddDate(0, 0, 1).UnixMicro(), err == nil
}

// namedDays returns what a name of JournalDateRange means, in the time zone of now. A week begins on Monday.
func namedDays(name string, now time.Time) (from, until time.Time, ok bool) {
	day := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	week := day.AddDate(0, 0, -(int(now.Weekday())+6)%7)
	month := day.AddDate(0, 0, 1-now.Day())
	switch name {
	case "today":
		return day, day.AddDate(0, 0, 1), true
	case "yesterday":
		return day.AddDate(0, 0, -1), day, true
	case "cur_week":
		return week, week.AddDate(0, 0, 7), true
	case "prev_week":
		return week.AddDate(0, 0, -7), week, true
	case "cur_month":
		return month, month.AddDate(0, 1, 0), true
	case "prev_month":
		return month.AddDate(0, -1, 0), month, true
	}
	return time.Time{}, time.Time{}, false
}
