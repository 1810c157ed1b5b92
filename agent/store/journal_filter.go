package store

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"ideco-agent/agent"
)

// condition is a condition on rows of sessions, as SQL.
type condition struct {
	plain   string // written so that SQLite uses no index, for rows that are read anyway
	indexed string // written so that SQLite finds the rows by an index; empty if no index fits
	column  string // started or ended, if the condition is only a range of this column
}

// journalWhere makes conditions of a JournalQuery.
type journalWhere struct {
	now    time.Time
	args   []any
	seen   int // comparisons and their values so far
	groups int // combinations so far
}

// journalConditions returns the conditions of a query, all of which must hold, and their arguments. Errors: agent.Problem.
func journalConditions(q agent.JournalQuery, now time.Time) (list []condition, args []any, err error) {
	w := &journalWhere{now: now}
	if q.Refusals != nil && *q.Refusals {
		list = append(list, condition{plain: "refusal", indexed: "refusal"})
	} else if q.Refusals != nil {
		list = append(list, condition{plain: "NOT refusal"})
	}
	if text := strings.TrimSpace(q.Search); text != "" {
		if utf8.RuneCountInString(text) > agent.MaxJournalText {
			return nil, nil, agent.Problem{Field: "search", Code: "field_too_long"}
		}
		list = append(list, w.search(text))
	}
	c, err := w.filter(q.Filter)
	if err != nil {
		return nil, nil, err
	}
	return append(list, c...), w.args, nil
}

// arg adds an argument and returns its placeholder.
func (w *journalWhere) arg(value any) string {
	w.args = append(w.args, value)
	return fmt.Sprint("$", len(w.args))
}

func filterProblem(code, value string) error {
	return agent.Problem{Field: "filter", Code: code, Value: agent.Clean(value, 64)}
}

// filter returns the conditions of a filter, all of which must hold.
func (w *journalWhere) filter(f agent.JournalFilter) ([]condition, error) {
	compares := f.Column != "" || f.Operator != "" || len(f.Values) > 0
	if compares {
		w.seen += 1 + len(f.Values)
	} else {
		w.groups++
	}
	if max(w.seen, w.groups) > agent.MaxJournalConditions {
		return nil, filterProblem("field_journal_conditions", "")
	}
	if compares {
		if len(f.Of) > 0 {
			return nil, filterProblem("field_journal_operator", string(f.Operator))
		}
		c, err := w.comparison(f)
		return []condition{c}, err
	}
	var list []condition
	for _, one := range f.Of {
		part, err := w.filter(one)
		switch {
		case err != nil:
			return nil, err
		case !f.Any:
			list = append(list, part...)
		case len(part) == 0: // selects everything
			return nil, nil
		default:
			list = append(list, and(part))
		}
	}
	if f.Any && len(list) > 0 {
		list = []condition{or(list)}
	}
	return list, nil
}

// and joins conditions, at least one.
func and(list []condition) condition {
	if len(list) == 1 {
		return list[0]
	}
	byIndex := slices.IndexFunc(list, func(c condition) bool { return c.indexed != "" })
	joined := condition{plain: allOf(list, -1)}
	if byIndex >= 0 {
		joined.indexed = allOf(list, byIndex)
	}
	return joined
}

// allOf returns the SQL that all conditions hold. Only the condition at byIndex may use an index; with -1 none may.
func allOf(list []condition, byIndex int) string {
	parts := []string{}
	for i, c := range list {
		if i == byIndex {
			parts = append(parts, c.indexed)
		} else {
			parts = append(parts, c.plain)
		}
	}
	if len(parts) == 0 {
		return "TRUE"
	}
	return "(" + strings.Join(parts, " AND ") + ")"
}

func or(list []condition) condition {
	var plain, indexed []string
	for _, c := range list {
		plain = append(plain, c.plain)
		if c.indexed != "" {
			indexed = append(indexed, c.indexed)
		}
	}
	joined := condition{plain: "(" + strings.Join(plain, " OR ") + ")"}
	if len(indexed) == len(list) {
		joined.indexed = "(" + strings.Join(indexed, " OR ") + ")"
	}
	return joined
}

func not(c condition) condition { return condition{plain: "NOT " + c.plain} }

// comparison returns the condition of a filter that compares a column.
func (w *journalWhere) comparison(f agent.JournalFilter) (condition, error) {
	if len(f.Values) == 0 {
		return condition{}, filterProblem("field_required", "")
	}
	for _, v := range f.Values {
		if utf8.RuneCountInString(v) > agent.MaxJournalText {
			return condition{}, filterProblem("field_too_long", "")
		}
	}
	if number, ok := journalNumbers[f.Column]; ok {
		return w.compareNumber(f, number)
	}
	if !isJournalText(f.Column) {
		return condition{}, filterProblem("field_journal_column", string(f.Column))
	}
	var like, negative bool
	switch f.Operator {
	case agent.JournalContains, agent.JournalContainsAny:
		like = true
	case agent.JournalNotContains, agent.JournalNotContainsAny:
		like, negative = true, true
	case agent.JournalEquals:
	case agent.JournalNotEquals:
		negative = true
	default:
		return condition{}, filterProblem("field_journal_operator", string(f.Operator))
	}
	c := w.textOrEmpty(f.Column, like, f.Values)
	if negative {
		c = not(c)
	}
	return c, nil
}

func isJournalText(column agent.JournalColumn) bool {
	switch column {
	case agent.JournalLogin, agent.JournalName, agent.JournalGroup, agent.JournalDevice, agent.JournalMAC, agent.JournalInner,
		agent.JournalOuter, agent.JournalWay, agent.JournalReason:
		return true
	}
	return false
}

// textOrEmpty is text for values that may be empty. An empty value is contained in every text, and equals only an empty one.
func (w *journalWhere) textOrEmpty(column agent.JournalColumn, like bool, values []string) condition {
	isEmpty := func(v string) bool { return fold(v) == "" }
	texts := slices.DeleteFunc(slices.Clone(values), isEmpty)
	switch {
	case len(texts) == len(values):
		return w.text(column, like, values)
	case like:
		return condition{plain: "TRUE"}
	}
	empty := condition{plain: journalSorts[column] + " = ''"}
	if len(texts) == 0 {
		return empty
	}
	return or([]condition{empty, w.text(column, false, texts)})
}

// text returns the condition that a text contains one of the values, or equals one.
func (w *journalWhere) text(column agent.JournalColumn, like bool, values []string) condition {
	switch column {
	case agent.JournalLogin:
		return people(w.match("login_fold", like, values))
	case agent.JournalName:
		return people(w.match("name_fold", like, values))
	case agent.JournalGroup:
		return people(w.matchGroups(like, values))
	case agent.JournalDevice:
		return people(w.match("device_fold", like, values))
	case agent.JournalMAC:
		return macs(w.matchPlaces(like, values))
	case agent.JournalInner:
		return inner(w.matchPlaces(like, values))
	case agent.JournalOuter:
		return outer(w.matchPlaces(like, values))
	case agent.JournalWay:
		ways := knownWords(agent.Ways, like, values)
		return condition{plain: in("way || ''", ways), indexed: in("way", ways)}
	default:
		reasons := append(knownWords(agent.Reasons, like, values), knownWords(agent.Codes, like, values)...)
		anyWay := append(knownWords(agent.Ways, true, []string{""}), "")
		return condition{plain: in("reason || ''", reasons), indexed: "(" + in("way", anyWay) + " AND " + in("reason", reasons) + ")"}
	}
}

// match returns the condition that a column of journal_people contains one of the values, or equals one.
func (w *journalWhere) match(column string, like bool, values []string) string {
	parts := make([]string, len(values))
	for i, v := range values {
		if like {
			parts[i] = column + ` LIKE ` + w.arg(likePattern(v)) + ` ESCAPE '\'`
		} else {
			parts[i] = column + ` = ` + w.arg(fold(v))
		}
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

// matchGroups is match for the groups of a session. A value equals all groups together, or the name of one of them.
func (w *journalWhere) matchGroups(like bool, values []string) string {
	if like {
		return w.match("groups_fold", true, values)
	}
	parts := []string{w.match("groups_fold", false, values)}
	for _, v := range values {
		parts = append(parts, w.match("', ' || groups_fold || ', '", true, []string{", " + v + ", "}))
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

// matchPlaces is match for journal_places.
func (w *journalWhere) matchPlaces(like bool, values []string) string {
	spelled := make([]string, len(values))
	for i, v := range values {
		spelled[i] = v
		if a, err := netip.ParseAddr(v); err == nil && !like {
			spelled[i] = agent.Unmap(a).String()
		} else if strings.Trim(v, "0123456789abcdefABCDEF-") == "" {
			spelled[i] = strings.ReplaceAll(v, "-", ":") // a MAC as Windows shows it
		}
	}
	return w.match("value", like, spelled)
}

// people selects the sessions of people with a text that matches.
func people(match string) condition {
	found := "(SELECT id FROM journal_people WHERE " + match + ")"
	return condition{plain: "person + 0 IN " + found, indexed: "person IN " + found}
}

// place selects the sessions whose column has a value of journal_places that matches. The column's partial index covers the rows for
// which covered holds.
func place(column, covered, match string) condition {
	places := fmt.Sprintf("(SELECT value FROM journal_places WHERE kind = '%s' AND %s)", column, match)
	return condition{plain: fmt.Sprintf("(%s AND %s || '' IN %s)", covered, column, places), indexed: fmt.Sprintf("(%s AND %s IN %s)", covered, column, places)}
}

func macs(match string) condition { return place("mac", "mac <> ''", match) }

func inner(match string) condition {
	return or([]condition{place("address", "address <> ''", match), place("external_ip", "external_ip <> address AND inside", match)})
}

func outer(match string) condition {
	return place("external_ip", "external_ip <> address AND NOT inside", match)
}

// search returns the condition of JournalQuery.Search.
func (w *journalWhere) search(text string) condition {
	values := []string{text}
	list := []condition{people(w.match("login_fold", true, values) + " OR " + w.match("name_fold", true, values) + " OR " + w.match("device_fold", true, values))}
	if strings.Trim(fold(text), "0123456789abcdef.:-") == "" {
		match := w.matchPlaces(true, values)
		list = append(list, macs(match), place("address", "address <> ''", match), place("external_ip", "external_ip <> address", match))
	}
	return or(list)
}

// knownWords returns the known words that contain one of the values, or equal one.
func knownWords[T ~string](known []T, like bool, values []string) (words []string) {
	for _, word := range known {
		if slices.ContainsFunc(values, func(v string) bool {
			return string(word) == v || like && strings.Contains(string(word), fold(v))
		}) {
			words = append(words, string(word))
		}
	}
	return words
}

// in returns the condition that an expression is one of the words, which hold no quotes.
func in(expression string, words []string) string {
	if len(words) == 0 {
		return "FALSE"
	}
	return expression + " IN ('" + strings.Join(words, "', '") + "')"
}

// journalNumber is a column that is compared as a number.
type journalNumber struct {
	expression string // in SQL; % is the present time
	indexed    string // the column, if it has an index
	known      string // condition that the row has a value; empty if all have one
	isTime     bool   // in microseconds
}

var journalNumbers = map[agent.JournalColumn]journalNumber{
	agent.JournalStart:    {"started + 0", "started", "", true},
	agent.JournalEnd:      {"ended + 0", "ended", "ended <> 0", true},
	agent.JournalDuration: {"(CASE WHEN ended = 0 THEN % ELSE ended END - started) / 1000000", "", "", false},
	agent.JournalBytes:    {"rx + tx", "", "", false},
}

// compareNumber is comparison for numbers and times.
func (w *journalWhere) compareNumber(f agent.JournalFilter, column journalNumber) (condition, error) {
	from, until, err := w.bounds(f, column.isTime)
	if err != nil {
		return condition{}, err
	}
	var comparisons []string // @ stands for the column
	if from != nil {
		comparisons = append(comparisons, "@ >= "+w.arg(*from))
	}
	if until != nil {
		comparisons = append(comparisons, "@ < "+w.arg(*until))
	}
	if column.known != "" {
		comparisons = append(comparisons, column.known)
	}
	expression := strings.Replace(column.expression, "%", w.arg(micros(w.now)), 1)
	comparison := "(" + strings.Join(comparisons, " AND ") + ")"
	c := condition{plain: strings.ReplaceAll(comparison, "@", expression)}
	if f.Operator == agent.JournalNotEquals {
		return not(c), nil
	}
	if column.indexed != "" {
		c.indexed, c.column = strings.ReplaceAll(comparison, "@", column.indexed), column.indexed
	}
	return c, nil
}

// bounds returns the range that a comparison selects, or with JournalNotEquals leaves out: from <= number < until. A nil bound is none.
func (w *journalWhere) bounds(f agent.JournalFilter, isTime bool) (from, until *int64, err error) {
	first, last := f.Values[0], f.Values[len(f.Values)-1]
	low, above, ok := w.span(first, isTime)
	if !ok {
		return nil, nil, filterProblem("field_journal_value", first)
	}
	_, end, ok := w.span(last, isTime)
	if !ok || len(f.Values) > 2 {
		return nil, nil, filterProblem("field_journal_value", last)
	}
	isRange := f.Operator == agent.JournalRange || f.Operator == agent.JournalDateRange
	if len(f.Values) == 2 && !isRange || len(f.Values) == 1 && f.Operator == agent.JournalRange {
		return nil, nil, filterProblem("field_journal_value", last)
	}
	switch f.Operator {
	case agent.JournalEquals, agent.JournalNotEquals:
		return &low, &above, nil
	case agent.JournalGreater:
		return &above, nil, nil
	case agent.JournalGreaterEqual:
		return &low, nil, nil
	case agent.JournalLessEqual:
		return nil, &above, nil
	case agent.JournalRange, agent.JournalDateRange:
		return &low, &end, nil
	}
	return nil, nil, filterProblem("field_journal_operator", string(f.Operator))
}

// span returns the range that a value means: from <= number < until. A time without seconds is a whole minute, a date a whole day.
func (w *journalWhere) span(value string, isTime bool) (from, until int64, ok bool) {
	if !isTime {
		n, err := strconv.ParseInt(value, 10, 64)
		return n, n + 1, err == nil && n+1 > n
	}
	if from, until, ok := namedDays(value, w.now); ok {
		return from.UnixMicro(), until.UnixMicro(), true
	}
	for _, form := range []struct {
		layout string
		length time.Duration
	}{
		{time.RFC3339, time.Second},
		{"2006-01-02T15:04:05", time.Second},
		{time.DateTime, time.Second},
		{"2006-01-02T15:04", time.Minute},
		{"2006-01-02 15:04", time.Minute},
	} {
		if t, err := time.ParseInLocation(form.layout, value, w.now.Location()); err == nil {
			if t.Nanosecond() != 0 {
				form.length = time.Microsecond
			}
			return t.UnixMicro(), t.Add(form.length).UnixMicro(), true
		}
	}
	day, err := time.ParseInLocation(time.DateOnly, value, w.now.Location())
	return day.UnixMicro(), day.AddDate(0, 0, 1).UnixMicro(), err == nil
}

// namedDays returns the range that a name of JournalDateRange means, in the time zone of now. A week begins on Monday.
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
