package handlers

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// restJournal answers with the entries that the parameters select. The parameters and the first fields are the vendor's. A JSON answer
// with a limit of at most agent.MaxJournalPage is made in memory; all others are streamed.
func (s *Site) restJournal(c echo.Context) error {
	q, err := readJournalRequest(c.QueryParam)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	kinds, err := s.directoryKinds(ctx)
	if err != nil {
		return err
	}
	var found agent.JournalPage
	if q.paged {
		if found, err = s.Journal.Entries(ctx, q.JournalQuery); err != nil {
			return err
		}
	}
	fields := journalFields(kinds, time.Now())
	begin := func(w io.Writer) (table, error) {
		if q.csv {
			return newJournalCSV(w, fields)
		}
		t, err := newJournalJSON(w, fields)
		if q.paged {
			t.total = &found.Total
		}
		return t, err
	}
	fill := func(t table) error {
		row := func(e agent.JournalEntry) error {
			cells := make([]any, len(fields))
			for i, f := range fields {
				cells[i] = f.value(e)
			}
			if q.csv {
				protectCells(cells)
			}
			return t.Row(cells...)
		}
		if q.limit > agent.MaxJournalPage {
			return s.eachEntry(ctx, q, row)
		}
		for _, e := range found.Entries {
			if err := row(e); err != nil {
				return err
			}
		}
		return nil
	}
	switch {
	case q.csv:
		return s.sendTable(c, "csv", begin, fill)
	case q.limit > agent.MaxJournalPage:
		return s.sendTable(c, "json", begin, fill)
	}
	var b bytes.Buffer
	if err := writeTable(&b, begin, fill); err != nil {
		return err
	}
	return c.JSONBlob(http.StatusOK, b.Bytes())
}

// errEnough ends EachEntry at the limit.
var errEnough = errors.New("enough entries")

// eachEntry calls do for each entry that a request selects. Its limit may be above agent.MaxJournalPage.
func (s *Site) eachEntry(ctx context.Context, q journalRequest, do func(agent.JournalEntry) error) error {
	if q.Sort != "" && q.Sort != agent.JournalStart {
		return s.eachSorted(ctx, q, do)
	}
	seen := 0
	err := s.Journal.EachEntry(ctx, q.JournalQuery, func(e agent.JournalEntry) error {
		seen++
		switch {
		case seen <= q.Offset:
			return nil
		case seen-q.Offset > q.limit:
			return errEnough
		}
		return do(e)
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// maxSorted limits the entries of an answer that is sorted by another column than start, because they are collected in memory.
const maxSorted = 10 * agent.MaxJournalPage

// eachSorted is eachEntry for an order by another column than start. Errors: agent.Problem above maxSorted.
func (s *Site) eachSorted(ctx context.Context, q journalRequest, do func(agent.JournalEntry) error) error {
	var all []agent.JournalEntry
	for len(all) < q.limit {
		part := q.JournalQuery
		part.Offset, part.Limit = q.Offset+len(all), min(agent.MaxJournalPage, q.limit-len(all))
		if part.Offset > agent.MaxJournalOffset {
			return agent.Problem{Field: "sort", Code: locale.JournalSort}
		}
		found, err := s.Journal.Entries(ctx, part)
		if err != nil {
			return err
		}
		if all = append(all, found.Entries...); len(all) > maxSorted {
			return agent.Problem{Field: "sort", Code: locale.JournalSort}
		}
		if len(found.Entries) < part.Limit {
			break
		}
	}
	for _, e := range all {
		if err := do(e); err != nil {
			return err
		}
	}
	return nil
}

// journalField is a field of an entry in REST.
type journalField struct {
	name  string
	kind  string                       // a type of ClickHouse, as in the vendor's answers
	value func(agent.JournalEntry) any // a string, an int64, a uint64 or nil
}

// journalFields are the fields of an entry in REST: first the vendor's, then ours. The gateway knows no countries.
func journalFields(kinds map[string]agent.DirectoryKind, now time.Time) []journalField {
	const text, number, nullable = "String", "UInt64", "Nullable(UInt64)"
	start := func(e agent.JournalEntry) any { return vendorTime(e.Started) }
	return []journalField{
		{"id", text, func(e agent.JournalEntry) any { return e.ID }},
		{"date_time", number, start},
		{"user_id", number, func(e agent.JournalEntry) any { return int64(e.UserID) }},
		{"login", text, func(e agent.JournalEntry) any { return e.Login }},
		{"name", text, func(e agent.JournalEntry) any { return e.Name }},
		{"group_name", text, func(e agent.JournalEntry) any { return e.Group }},
		{"domain_type", text, func(e agent.JournalEntry) any { return domainType(kinds, e.Directory) }},
		{"ip", text, func(e agent.JournalEntry) any { return cmp.Or(addressText(e.Inner), addressText(e.Tunnel)) }},
		{"country_name", text, func(agent.JournalEntry) any { return "" }},
		{"country_code", text, func(agent.JournalEntry) any { return "" }},
		{"start", number, start},
		{"end", nullable, func(e agent.JournalEntry) any { return vendorTime(e.Ended) }},
		{"time_online", number, func(e agent.JournalEntry) any { return secondsOnline(e, now) }},
		{"started", text, func(e agent.JournalEntry) any { return rfc3339(e.Started) }},
		{"ended", "Nullable(String)", func(e agent.JournalEntry) any {
			if e.Ended.IsZero() {
				return nil
			}
			return rfc3339(e.Ended)
		}},
		{"domain_name", text, func(e agent.JournalEntry) any { return e.Directory }},
		{"device", text, func(e agent.JournalEntry) any { return e.Device }},
		{"mac", text, func(e agent.JournalEntry) any { return e.MAC }},
		{"tunnel_ip", text, func(e agent.JournalEntry) any { return addressText(e.Tunnel) }},
		{"external_ip", text, func(e agent.JournalEntry) any { return addressText(e.Outer) }},
		{"kind", text, func(e agent.JournalEntry) any { return string(e.Kind) }},
		{"way", text, func(e agent.JournalEntry) any { return string(e.Way) }},
		{"reason", text, func(e agent.JournalEntry) any { return string(e.Reason) }},
		{"refused", text, func(e agent.JournalEntry) any { return string(e.Refusal) }},
		{"rx", number, func(e agent.JournalEntry) any { return e.Rx }},
		{"tx", number, func(e agent.JournalEntry) any { return e.Tx }},
	}
}

// vendorTimeLayout is the format of times in the vendor's journal, sent as a whole number.
const vendorTimeLayout = "20060102150405"

// vendorTime returns a time in the gateway's time zone as a number; nil for the zero time.
func vendorTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	n, _ := strconv.ParseInt(t.Local().Format(vendorTimeLayout), 10, 64)
	return n
}

// secondsOnline returns the length of an entry's session until its end, or until now.
func secondsOnline(e agent.JournalEntry, now time.Time) int64 {
	if e.Ended.IsZero() {
		return int64(now.Sub(e.Started) / time.Second)
	}
	return int64(e.Ended.Sub(e.Started) / time.Second)
}

// newJournalCSV begins a CSV file with the names of the fields.
func newJournalCSV(w io.Writer, fields []journalField) (table, error) {
	t := newCSVTable(w)
	names := make([]any, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return t, t.Row(names...)
}

// journalJSON writes entries as the vendor's JSON.
type journalJSON struct {
	w     io.Writer
	names []string // quoted, with a colon
	rows  int
	total *int // how many entries the query selects, at least; nil = not sent
}

func newJournalJSON(w io.Writer, fields []journalField) (*journalJSON, error) {
	type meta struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
	t := &journalJSON{w: w}
	var all []meta
	for _, f := range fields {
		all = append(all, meta{f.name, f.kind})
		t.names = append(t.names, strconv.Quote(f.name)+":")
	}
	head, err := json.Marshal(all)
	if err == nil {
		_, err = fmt.Fprintf(w, `{"meta":%s,"data":[`, head)
	}
	return t, err
}

func (t *journalJSON) Row(cells ...any) error {
	var b bytes.Buffer
	if t.rows++; t.rows > 1 {
		b.WriteString(",\n")
	}
	for i, cell := range cells {
		b.WriteByte("{,"[min(i, 1)])
		b.WriteString(t.names[i])
		value, err := json.Marshal(cell)
		if err != nil {
			return err
		}
		b.Write(value)
	}
	b.WriteByte('}')
	_, err := t.w.Write(b.Bytes())
	return err
}

func (t *journalJSON) Close() error {
	_, err := fmt.Fprintf(t.w, `],"rows":%d`, t.rows)
	if err == nil && t.total != nil {
		_, err = fmt.Fprintf(t.w, `,"rows_before_limit_at_least":%d`, *t.total)
	}
	if err == nil {
		_, err = io.WriteString(t.w, "}\n")
	}
	return err
}
