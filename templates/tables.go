package templates

import (
	"context"
	"io"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"ideco-agent/templates/locale"
)

// address formats an address for a table; «—» if there is none.
func address(a netip.Addr) string {
	if !a.IsValid() {
		return "—"
	}
	return a.String()
}

// pages are the links from a page of a list to the pages before and after it; empty if there is none.
type pages struct {
	Previous, Next string
	Range          string // which rows are shown, as text
}

// Column is a column of a [Table].
type Column struct {
	Key      string // in the query string, in the cookie, and of its cells
	Label    string // id of its name in the catalogues
	Number   bool   // right-aligned
	Sortable bool
	Down     bool // the first click sorts it in descending order
	Fixed    bool // cannot be hidden
	Off      bool // hidden until it is chosen
	Icon     bool // the head shows no name; screen readers say it
	Action   bool // stays visible at the right edge
}

// Table is a table whose rows can be sorted, and whose columns can be hidden. [Tables] lists all of them.
type Table struct {
	Name    string // in the cookie that remembers the hidden columns and the rows per page
	Path    string // of its page
	Title   string // id of its name in the catalogues
	Sort    string // the order without ?sort=: the key of a column, after "-" for descending order; may be empty
	Sizes   []int  // rows per page to choose from; the first is the default
	CSV     string // path of the file with the same filter and order; empty without one
	Columns []Column
}

// Tables are the tables that remember their columns.
var Tables = []*Table{SessionsTable, VPNTable, UsersTable, JournalTable, ActsTable}

// column returns a column by its key.
func (t *Table) column(key string) (Column, bool) {
	for _, one := range t.Columns {
		if one.Key == key {
			return one, true
		}
	}
	return Column{}, false
}

// CanSort reports whether the table can be sorted by a column.
func (t *Table) CanSort(key string) bool {
	one, ok := t.column(key)
	return ok && one.Sortable
}

// TableView is a page of a table: the filter, the order, the columns and the position, all valid.
type TableView struct {
	*Table
	Query   []HiddenField   // the filter
	Sort    string          // the key of a column; empty if the table has no order
	Down    bool            // in descending order
	Hidden  map[string]bool // columns by key
	Page    int             // from 1
	Size    int             // rows per page
	Total   int             // rows that the filter selects
	AtLeast bool            // counting stopped at Total: there may be more
	MaxPage int             // the last page that can be shown; 0 = all can
}

// Shows reports whether the table has a column and shows it.
func (v TableView) Shows(key string) bool {
	_, is := v.column(key)
	return is && !v.Hidden[key]
}

// Offset returns the number of rows before the page.
func (v TableView) Offset() int { return (v.Page - 1) * v.Size }

// Pages returns the number of pages, at least one.
func (v TableView) Pages() int { return max(1, (v.Total+v.Size-1)/v.Size) }

// lastPage is the last page to which a link may lead.
func (v TableView) lastPage() int {
	switch {
	case v.MaxPage == 0:
		return v.Pages()
	case v.AtLeast:
		return v.MaxPage
	}
	return min(v.Pages(), v.MaxPage)
}

// WithTotal returns the view with the number of rows. A page after the last one becomes the last one.
func (v TableView) WithTotal(total int) TableView {
	v.Total = total
	v.Page = min(v.Page, v.Pages())
	return v
}

// Order returns the value of ?sort=: the key, after "-" for descending order.
func (v TableView) Order() string { return order(v.Sort, v.Down) }

func order(key string, down bool) string {
	if down {
		return "-" + key
	}
	return key
}

// Fields returns the filter, the order and the page as the fields of a form. Those with their default value are left out.
func (v TableView) Fields() []HiddenField {
	fields := v.orderFields()
	if v.Page > 1 {
		fields = append(fields, HiddenField{"page", strconv.Itoa(v.Page)})
	}
	return fields
}

// orderFields are Fields without the page.
func (v TableView) orderFields() []HiddenField {
	fields := v.Query[:len(v.Query):len(v.Query)]
	if v.Order() != v.Table.Sort {
		fields = append(fields, HiddenField{"sort", v.Order()})
	}
	return fields
}

// URL returns the URL of the page.
func (v TableView) URL() string { return tableURL(v.Path, v.Fields()) }

// pageURL returns the URL of another page with the same filter and order.
func (v TableView) pageURL(page int) string {
	v.Page = page
	return v.URL()
}

// sortURL returns the URL of the first page sorted by a column. For the column that it is sorted by already, the direction changes.
func (v TableView) sortURL(c Column) string {
	down := v.Down
	v.Down = c.Down
	if v.Sort == c.Key {
		v.Down = !down
	}
	v.Sort, v.Page = c.Key, 1
	return v.URL()
}

// csvURL returns the URL of the file with all rows of the filter, in the same order.
func (v TableView) csvURL() string { return tableURL(v.CSV, v.orderFields()) }

func fieldValues(fields []HiddenField) url.Values {
	query := url.Values{}
	for _, f := range fields {
		query.Add(f.Name, f.Value)
	}
	return query
}

func tableURL(path string, fields []HiddenField) string {
	query := fieldValues(fields)
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// utc formats a time for a datetime attribute.
func utc(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// sortState is the value of aria-sort.
func (v TableView) sortState(c Column) string {
	switch {
	case v.Sort != c.Key:
		return "none"
	case v.Down:
		return "descending"
	}
	return "ascending"
}

// tableCell is a cell of a column; nothing if the column is hidden. It has the name of its column for the narrow layout. It is no templ
// function, because a page has hundreds of cells, and templ allocates much for each attribute.
func tableCell(p Page, v TableView, key, class string) templ.Component {
	if !v.Shows(key) {
		return templ.NopComponent
	}
	begin := beginCell(v.cellClass(key, class), v.label(p.L, key)) + `<div class="value">`
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		if _, err := io.WriteString(w, begin); err != nil {
			return err
		}
		if err := templ.GetChildren(ctx).Render(templ.ClearChildren(ctx), w); err != nil {
			return err
		}
		_, err := io.WriteString(w, "</div></td>")
		return err
	})
}

// liveCell is a cell whose text changes often.
func liveCell(p Page, v TableView, c Column) templ.Component {
	if !v.Shows(c.Key) {
		return templ.NopComponent
	}
	return templ.Raw(beginCell(c.cellClass(""), p.L.T(c.Label)) + `<div class="value nowrap" data-live>` + liveText + "</div></td>")
}

func beginCell(class, label string) string {
	return `<td role="cell" class="` + templ.EscapeString(class) + `" data-label="` + templ.EscapeString(label) + `">`
}

// headClass returns the classes of a column's header.
func (c Column) headClass() string {
	class := "col-" + c.Key
	if c.Number {
		class += " number"
	}
	if c.Action {
		class += " action"
	}
	return class
}

// cellClass returns the classes of a column's cells.
func (c Column) cellClass(more string) string {
	class := c.headClass()
	if more != "" {
		class += " " + more
	}
	return class
}

func (t *Table) cellClass(key, more string) string {
	one, _ := t.column(key)
	return one.cellClass(more)
}

func (t *Table) label(l *locale.Localizer, key string) string {
	one, _ := t.column(key)
	return l.T(one.Label)
}

// pagesText is the number of pages: «12», or «12+» if there may be more rows than Total.
func (v TableView) pagesText() string {
	if v.AtLeast {
		return strconv.Itoa(v.Pages()) + "+"
	}
	return strconv.Itoa(v.Pages())
}

// rangeText says which rows the page has: «51–100 из 293».
func (v TableView) rangeText(l *locale.Localizer) string {
	total := strconv.Itoa(v.Total)
	if v.AtLeast {
		total += "+"
	}
	return l.T("paging_range", locale.Args{"From": min(v.Offset()+1, v.Total), "To": min(v.Offset()+v.Size, v.Total), "Total": total})
}
