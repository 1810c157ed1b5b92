package handlers

import (
	"bytes"
	"math"
	"mime"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

func (s *Site) monitorSessionsCSV(c echo.Context) error {
	return s.exportSessions(c, templates.SessionsTable, "sessions.csv")
}

func (s *Site) monitorVPNCSV(c echo.Context) error {
	return s.exportSessions(c, templates.VPNTable, "vpn.csv")
}

// exportSessions answers with all sessions that the filter selects, in the order of the page, with every column.
func (s *Site) exportSessions(c echo.Context, t *templates.Table, name string) error {
	l := who(c).L
	d := templates.MonitorData{View: readTable(c, t, c.QueryParam), Filter: readSessionFilter(c.QueryParam)}
	found := s.selectSessions(d, 0, math.MaxInt)
	var file bytes.Buffer
	file.WriteString("\ufeff") // so that spreadsheet programs read UTF-8
	out := newCSVTable(&file)
	var names []any
	for _, id := range []string{"column_status", "column_login", "column_name", "column_directory", "column_group", "column_ip", "sessions_further", "column_mac",
		"column_external", "column_kind", "column_device", "column_started", "sessions_online_seconds", "journal_received", "journal_sent", "column_handshake"} {
		names = append(names, l.T(id))
	}
	_ = out.Row(names...) // writing to a bytes.Buffer returns no errors
	now := time.Now()
	for _, live := range found.Sessions {
		_ = out.Row(sessionCells(l, live, now)...)
	}
	if err := out.Close(); err != nil {
		return err
	}
	s.act(c, agent.Act{Code: agent.ActSessionsExported, Count: len(found.Sessions)}, "sessions", len(found.Sessions))
	c.Response().Header().Set(echo.HeaderContentDisposition, mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	return c.Blob(http.StatusOK, "text/csv; charset=utf-8", file.Bytes())
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
	protectCells(cells)
	return cells
}

func addressTexts(list []netip.Addr) string {
	texts := make([]string, len(list))
	for i, a := range list {
		texts[i] = a.String()
	}
	return strings.Join(texts, " ")
}
