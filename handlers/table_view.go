package handlers

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"ideco-agent/templates"
)

// maxPage is the largest number of a page that is read.
const maxPage = 1_000_000

// readTable reads the order and the page of a table from the fields of a query string or of a form, and the hidden columns and the rows
// per page from the table's cookie. It ignores values that no page sends. The caller adds the filter (Query) and the number of rows.
func readTable(c echo.Context, t *templates.Table, value func(string) string) templates.TableView {
	v := templates.TableView{Table: t, Hidden: map[string]bool{}, Size: t.Sizes[0]}
	order := value("sort")
	if key := strings.TrimPrefix(order, "-"); !t.CanSort(key) {
		order = t.Sort
	}
	v.Sort, v.Down = strings.TrimPrefix(order, "-"), strings.HasPrefix(order, "-")
	v.Page, _ = strconv.Atoi(value("page"))
	v.Page = min(max(v.Page, 1), maxPage)
	choice := cookieValue(c, columnsCookie(t))
	size, hidden, _ := strings.Cut(choice, ".")
	if n, err := strconv.Atoi(size); err == nil && slices.Contains(t.Sizes, n) {
		v.Size = n
	}
	names := strings.Split(hidden, ".")
	for _, one := range t.Columns {
		v.Hidden[one.Key] = !one.Fixed && (choice == "" && one.Off || slices.Contains(names, one.Key))
	}
	return v
}

// columnsCookie is the name of the cookie with a table's rows per page and hidden columns: "50.device.kind".
func columnsCookie(t *templates.Table) string { return "ideco_columns_" + t.Name }

// setColumns remembers the columns and the rows per page that were chosen for a table.
func (s *Site) setColumns(c echo.Context) error {
	i := slices.IndexFunc(templates.Tables, func(t *templates.Table) bool { return t.Name == c.FormValue("table") })
	if i < 0 {
		return echo.NewHTTPError(http.StatusBadRequest)
	}
	t := templates.Tables[i]
	params, err := c.FormParams()
	if err != nil {
		return err
	}
	choice := []string{strconv.Itoa(t.Sizes[0])}
	if n, err := strconv.Atoi(c.FormValue("size")); err == nil && slices.Contains(t.Sizes, n) {
		choice[0] = strconv.Itoa(n)
	}
	for _, one := range t.Columns {
		if !one.Fixed && !slices.Contains(params["column"], one.Key) {
			choice = append(choice, one.Key)
		}
	}
	setChoice(c, columnsCookie(t), strings.Join(choice, "."))
	return s.back(c)
}
