package handlers

import (
	"net/http"
	"slices"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/templates"
)

// maxLiveHeader is the longest templates.LiveHeader that is read: some 1,000 rows.
const maxLiveHeader = 16_000

// monitor answers with a page, or, if the request has templates.LiveHeader, with the differences from what the header says.
func (s *Site) monitor(c echo.Context, page func(templates.Page, templates.MonitorData) templ.Component, d templates.MonitorData) error {
	if has := c.Request().Header.Get(templates.LiveHeader); has != "" && len(has) <= maxLiveHeader {
		return c.JSON(http.StatusOK, d.Live(templates.Page{L: who(c).L}).Changes(has))
	}
	return s.render(c, http.StatusOK, page(s.page(c), d))
}

// monitorData reads the filter, the order and the page of a table of live sessions and selects the sessions.
func (s *Site) monitorData(c echo.Context, t *templates.Table, value func(string) string) (templates.MonitorData, error) {
	directories, err := s.Directories.List(c.Request().Context())
	if err != nil {
		return templates.MonitorData{}, err
	}
	d := templates.MonitorData{View: readTable(c, t, value), Filter: readSessionFilter(value), Now: time.Now()}
	for _, one := range directories {
		d.Directories = append(d.Directories, one.Name)
	}
	if t == templates.VPNTable {
		d.Filter.Kind = ""
	}
	d.View.Query = d.Filter.Pairs()
	found := s.selectSessions(d, d.View.Offset(), d.View.Size)
	d.View = d.View.WithTotal(found.Total)
	if len(found.Sessions) == 0 && found.Total > 0 { // a page after the last one was asked for
		found = s.selectSessions(d, d.View.Offset(), d.View.Size)
	}
	d.Sessions, d.All = found.Sessions, found.All
	if t == templates.VPNTable {
		d.All = found.VPN
	}
	return d, nil
}

// selectSessions returns sessions of a table in its order.
func (s *Site) selectSessions(d templates.MonitorData, offset, limit int) access.Selection {
	filter := agent.SessionFilter{Search: d.Filter.Query, Kind: agent.Kind(d.Filter.Kind), State: agent.State(d.Filter.State), Directory: d.Filter.Directory}
	if d.View.Table == templates.VPNTable {
		filter.Kind = agent.KindVPN
	}
	return s.Sessions.Select(filter, agent.SessionOrder(d.View.Sort), d.View.Down, offset, limit)
}

// readSessionFilter reads the filter of a monitor page. It ignores values that no page sends.
func readSessionFilter(value func(string) string) templates.SessionFilterForm {
	f := templates.SessionFilterForm{
		Query:     agent.Clean(value("q"), agent.MaxSearch),
		Kind:      value("kind"),
		State:     value("state"),
		Directory: agent.Clean(value("directory"), agent.MaxName),
	}
	if !slices.Contains(agent.Kinds, agent.Kind(f.Kind)) {
		f.Kind = ""
	}
	if !slices.Contains(agent.States, agent.State(f.State)) {
		f.State = ""
	}
	return f
}

// rowBeside returns the row at which the page opens after the rows that goes selects are gone: the first one that stays below the first of
// them, or else the one above it. It is the zero value if none stays.
func rowBeside[T any](list []T, goes func(T) bool) (beside T) {
	at := slices.IndexFunc(list, goes)
	if at < 0 {
		return beside
	}
	if next := slices.IndexFunc(list[at:], func(row T) bool { return !goes(row) }); next >= 0 {
		return list[at+next]
	}
	if at > 0 {
		return list[at-1]
	}
	return beside
}
