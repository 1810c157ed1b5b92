package handlers

import (
	"strings"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

// adminActsCSV exports the acts that the filter selects, with the separator that spreadsheet programs expect in the person's language.
func (s *Site) adminActsCSV(c echo.Context) error {
	query, problems := actQuery(readActsFilter(c.QueryParam))
	if problems != nil {
		return problems
	}
	l := who(c).L
	titles := []any{l.T("column_time"), l.T("acts_who"), l.T("acts_source"), l.T("column_address"), l.T("acts_kind"), l.T("acts_what"), l.T("acts_names"),
		l.T("acts_changes")}
	return s.sendSheet(c, "acts", agent.Act{Code: agent.ActActsExported}, []any{"format", "csv"}, titles, func(row func([]any) error) error {
		return s.Acts.EachAct(c.Request().Context(), query, func(a agent.Act) error {
			return row([]any{a.At.Local(), templates.ActWho(l, a), l.ActSource(a.Source), addressText(a.Peer.Addr), l.ActKind(agent.ActCodes[a.Code]), l.Act(a),
				strings.Join(a.Names, ", "), templates.ActChangesText(l, a)})
		})
	})
}
