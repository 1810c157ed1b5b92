package handlers

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
)

// journalRequest holds the parameters of a REST request for the journal. JournalQuery.Limit is at most agent.MaxJournalPage.
type journalRequest struct {
	agent.JournalQuery
	limit int  // as requested; math.MaxInt if it is not
	paged bool // with a limit or an offset
	csv   bool
}

// readJournalRequest reads the parameters of the vendor's journal: limit, offset, sort, search, filter, format_type. Errors: agent.Problems,
// badJSON.
func readJournalRequest(value func(string) string) (q journalRequest, err error) {
	in := restQuery{value: value}
	q.paged = value("limit") != "" || value("offset") != ""
	q.limit, q.Offset = in.number("limit", math.MaxInt, math.MaxInt), in.number("offset", 0, math.MaxInt)
	q.Limit = min(q.limit, agent.MaxJournalPage)
	switch strings.ToUpper(value("format_type")) {
	case "", "JSON":
	case "CSV":
		q.csv = true
	default:
		in.refuse("format_type")
	}
	var (
		sorts    []restSort
		searches []restSearch
		filters  []restFilter
	)
	in.decode("sort", &sorts)
	in.decode("search", &searches)
	in.decode("filter", &filters)
	if len(sorts) > 0 { // further columns would order only entries with equal values
		q.Sort, q.Asc = journalColumn(sorts[0].Field), sorts[0].Direction == "asc"
	}
	for _, one := range searches {
		q.Filter.Of = append(q.Filter.Of, one.filter())
	}
	for _, one := range filters {
		q.Filter.Of = append(q.Filter.Of, one.filter())
	}
	return q, in.err()
}

type restSort struct {
	Field     string `json:"field"`
	Direction string `json:"direction"` // "asc" or "desc"
}

type restSearch struct {
	Text    string     `json:"text"`
	Columns stringList `json:"columns"` // empty = searchedColumns
}

type restFilter struct {
	Items []struct {
		ColumnName string                `json:"column_name"`
		Operator   agent.JournalOperator `json:"operator"`
		Value      stringList            `json:"value"`
	} `json:"items"`
	LinkOperator string `json:"link_operator"` // "and" or "or"
}

// journalColumn returns the column of a name in REST.
func journalColumn(name string) agent.JournalColumn {
	if name == "date_time" {
		return agent.JournalStart
	}
	return agent.JournalColumn(name)
}

// searchedColumns are searched when a request names no columns.
var searchedColumns = stringList{string(agent.JournalLogin), string(agent.JournalName), string(agent.JournalGroup), string(agent.JournalDevice),
	string(agent.JournalMAC), string(agent.JournalInner), string(agent.JournalOuter)}

// filter returns the condition that one of the columns contains the text. It leaves out countryColumns, unless there are no others: those
// the store refuses as unknown.
func (one restSearch) filter() agent.JournalFilter {
	columns := one.Columns
	if len(columns) == 0 {
		columns = searchedColumns
	}
	if known := slices.DeleteFunc(slices.Clone(columns), isCountry); len(known) > 0 {
		columns = known
	}
	f := agent.JournalFilter{Any: true}
	for _, column := range columns {
		f.Of = append(f.Of, agent.JournalFilter{Column: journalColumn(column), Operator: agent.JournalContains, Values: []string{one.Text}})
	}
	return f
}

func (one restFilter) filter() agent.JournalFilter {
	all := agent.JournalFilter{Any: one.LinkOperator == "or"}
	for _, item := range one.Items {
		f := agent.JournalFilter{Column: journalColumn(item.ColumnName), Operator: item.Operator, Values: item.Value}
		if f.Column == agent.JournalStart || f.Column == agent.JournalEnd {
			for i, v := range f.Values {
				f.Values[i] = readVendorTime(v)
			}
		}
		all.Of = append(all.Of, f)
	}
	return all
}

// readVendorTime converts a time in the format of the vendor's journal to RFC 3339. It returns other text unchanged: the journal takes a date
// for a whole day.
func readVendorTime(text string) string {
	if t, err := time.ParseInLocation(vendorTimeLayout, text, time.Local); err == nil {
		return t.Format(time.RFC3339)
	}
	return text
}

// stringList is decoded from a list of strings, numbers and booleans, or from a single one.
type stringList []string

func (l *stringList) UnmarshalJSON(b []byte) error {
	var list []json.RawMessage
	if json.Unmarshal(b, &list) != nil {
		list = []json.RawMessage{b}
	}
	*l = nil
	for _, one := range list {
		var value any
		d := json.NewDecoder(strings.NewReader(string(one)))
		d.UseNumber()
		if err := d.Decode(&value); err != nil {
			return err
		}
		switch value.(type) {
		case string, json.Number, bool:
			*l = append(*l, fmt.Sprint(value))
		default:
			return json.Unmarshal(one, new(string)) // an error that names the type
		}
	}
	return nil
}

// countryColumns are columns of the vendor's journal that are always empty here, and that the store does not have.
var countryColumns = []string{"country_name", "country_code"}

func isCountry(column string) bool { return slices.Contains(countryColumns, column) }

// maxJournalValues limits the values in an answer of restJournalValues.
const maxJournalValues = 1000

// restJournalValues answers with the distinct values of a column.
func (s *Site) restJournalValues(c echo.Context) error {
	column := c.Param("column")
	var values []string
	if !isCountry(column) {
		var err error
		if values, err = s.Journal.Values(c.Request().Context(), agent.JournalColumn(column), maxJournalValues); err != nil {
			return err
		}
	}
	data := []map[string]string{}
	for _, one := range values {
		data = append(data, map[string]string{column: one})
	}
	return c.JSON(http.StatusOK, map[string]any{"meta": []any{map[string]string{"name": column, "type": "String"}}, "data": data, "rows": len(data)})
}
