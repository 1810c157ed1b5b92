package handlers

import (
	"math"
	"net/netip"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

func (s *Site) monitorSessionsCSV(c echo.Context) error {
	return s.exportSessions(c, templates.SessionsTable, "sessions")
}

func (s *Site) monitorVPNCSV(c echo.Context) error {
	return s.exportSessions(c, templates.VPNTable, "vpn")
}

// exportSessions answers with all sessions that the filter selects, in the order of the page, with every column.
func (s *Site) exportSessions(c echo.Context, t *templates.Table, name string) error {
	l := who(c).L
	d := templates.MonitorData{View: readTable(c, t, c.QueryParam), Filter: readSessionFilter(c.QueryParam)}
	found := s.selectSessions(d, 0, math.MaxInt)
	var titles []any
	for _, id := range []string{"column_status", "column_login", "column_name", "column_directory", "column_group", "column_ip", "sessions_further", "column_mac",
		"column_external", "column_kind", "column_device", "column_started", "sessions_online_seconds", "journal_received", "journal_sent", "column_handshake"} {
		titles = append(titles, l.T(id))
	}
	now, n := time.Now(), len(found.Sessions)
	return s.sendSheet(c, name, agent.Act{Code: agent.ActSessionsExported, Count: n}, []any{"sessions", n}, titles, func(row func([]any) error) error {
		for _, live := range found.Sessions {
			if err := row(sessionCells(l, live, now)); err != nil {
				return err
			}
		}
		return nil
	})
}

// sessionCells are the cells of a live session in a file.
func sessionCells(l *locale.Localizer, live agent.LiveSession, now time.Time) []any {
	directory := live.Directory
	if directory == agent.LocalDirectory {
		directory = ""
	}
	cells := []any{l.State(live.State), live.Login, live.Name, directory, live.Group, addressText(live.Address), addressTexts(live.FurtherAddresses), live.MAC,
		addressText(live.ExternalIP), l.Kind(live.Kind), live.Device.Name, live.Started.Local(), int64(now.Sub(live.Started) / time.Second), nil, nil, nil}
	const rx, tx, handshake = 13, 14, 15
	if live.Rx != nil {
		cells[rx], cells[tx] = *live.Rx, *live.Tx
	}
	if !live.Handshake.IsZero() {
		cells[handshake] = live.Handshake.Local()
	}
	return cells
}

func addressTexts(list []netip.Addr) string {
	texts := make([]string, len(list))
	for i, a := range list {
		texts[i] = a.String()
	}
	return strings.Join(texts, " ")
}
