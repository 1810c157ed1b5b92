package templates

import (
	"strings"
	"time"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// SessionsTable is the table of the page Монитор → Авторизованные пользователи.
var SessionsTable = &Table{
	Name: "sessions", Path: "/admin/monitor/sessions", Title: "sessions_title", CSV: "/admin/monitor/sessions.csv", Sort: "login",
	Sizes: []int{50, 100, 300},
	Columns: []Column{
		{Key: "state", Label: "column_status", Sortable: true, Icon: true},
		{Key: "login", Label: "column_person", Sortable: true, Fixed: true},
		{Key: "address", Label: "column_ip", Sortable: true},
		{Key: "mac", Label: "column_mac", Sortable: true, Off: true},
		{Key: "external", Label: "column_external", Sortable: true, Off: true},
		{Key: "kind", Label: "column_kind", Sortable: true},
		{Key: "device", Label: "column_device", Sortable: true},
		{Key: "started", Label: "column_started", Sortable: true, Down: true},
		{Key: "online", Label: "column_online", Number: true},
		{Key: "rx", Label: "traffic_in", Sortable: true, Down: true, Number: true},
		{Key: "tx", Label: "traffic_out", Sortable: true, Down: true, Number: true},
		{Key: "action", Label: "column_actions", Fixed: true, Icon: true, Action: true},
	},
}

// VPNTable is the table of the page Монитор → VPN пользователи.
var VPNTable = &Table{
	Name: "vpn", Path: "/admin/monitor/vpn", Title: "vpn_title", CSV: "/admin/monitor/vpn.csv", Sort: "login",
	Sizes: []int{50, 100, 300},
	Columns: []Column{
		{Key: "state", Label: "column_status", Sortable: true, Icon: true},
		{Key: "login", Label: "column_person", Sortable: true, Fixed: true},
		{Key: "external", Label: "column_external", Sortable: true},
		{Key: "address", Label: "column_tunnel", Sortable: true},
		{Key: "device", Label: "column_device", Sortable: true},
		{Key: "started", Label: "column_started", Sortable: true, Down: true, Off: true},
		{Key: "online", Label: "column_online", Number: true},
		{Key: "rx", Label: "traffic_in", Sortable: true, Down: true, Number: true},
		{Key: "tx", Label: "traffic_out", Sortable: true, Down: true, Number: true},
		{Key: "handshake", Label: "column_handshake", Sortable: true, Down: true},
		{Key: "action", Label: "column_actions", Fixed: true, Icon: true, Action: true},
	},
}

// SessionFilterForm is the filter of a monitor page, as the query string has it.
type SessionFilterForm struct {
	Query     string
	Kind      string
	State     string
	Directory string
}

// Pairs returns the fields that are set.
func (f SessionFilterForm) Pairs() (fields []HiddenField) {
	for _, one := range []HiddenField{{"q", f.Query}, {"kind", f.Kind}, {"state", f.State}, {"directory", f.Directory}} {
		if one.Value != "" {
			fields = append(fields, one)
		}
	}
	return fields
}

// empty reports whether the filter selects all sessions.
func (f SessionFilterForm) empty() bool { return f == SessionFilterForm{} }

// MonitorData fills [MonitorSessions] and [MonitorVPN].
type MonitorData struct {
	View         TableView
	Filter       SessionFilterForm
	Sessions     []agent.LiveSession // of the page
	All          int                 // sessions without the filter
	Directories  []string            // to filter by
	Now          time.Time
	AgentEnabled bool
	Allowed      int  // accounts that may connect from outside
	Unavailable  bool // there is no tunnel on this gateway now
}

// vpn reports whether the page shows only VPN sessions.
func (d MonitorData) vpn() bool { return d.View.Table == VPNTable }

// Live returns the table with the texts around it.
func (d MonitorData) Live(p Page) LiveTable {
	t := LiveTable{View: d.View, lang: p.L.Lang(), frame: liveFrame{
		Heading: d.heading(p.L),
		Above:   renderText(monitorAbove(p, d)),
		Found:   renderText(monitorFound(p, d)),
		Below:   renderText(monitorBelow(p, d)),
		Empty:   d.All == 0 && d.Filter.empty(),
	}}
	for _, s := range d.Sessions {
		t.rows = append(t.rows, liveRow{html: renderText(sessionCells(p, d, s)), texts: d.liveTexts(p.L, s)})
	}
	return t
}

// liveTexts are the texts of the live cells, in the order of the columns.
func (d MonitorData) liveTexts(l *locale.Localizer, s agent.LiveSession) (texts []string) {
	for _, c := range d.View.Columns {
		if !d.View.Shows(c.Key) {
			continue
		}
		switch c.Key {
		case "online":
			texts = append(texts, l.Duration(d.Now.Sub(s.Started)))
		case "rx":
			texts = append(texts, l.Bytes(s.Rx))
		case "tx":
			texts = append(texts, l.Bytes(s.Tx))
		case "handshake":
			texts = append(texts, l.CompactTime(s.Handshake, d.Now))
		}
	}
	return texts
}

func (d MonitorData) heading(l *locale.Localizer) string {
	switch {
	case d.vpn():
		return l.N("vpn_heading", d.All) + " (" + l.N("vpn_allowed_people", d.Allowed) + ")"
	case d.All == 0:
		return l.T("sessions_title")
	}
	return l.N("sessions_heading", d.All)
}

func (d MonitorData) kindOptions(l *locale.Localizer) []option {
	options := []option{{"", l.T("filter_any_kind")}}
	for _, kind := range agent.Kinds {
		options = append(options, option{string(kind), l.Kind(kind)})
	}
	return options
}

func (d MonitorData) stateOptions(l *locale.Localizer) []option {
	options := []option{{"", l.T("filter_any_state")}}
	for _, state := range agent.States {
		options = append(options, option{string(state), l.State(state)})
	}
	return options
}

func (d MonitorData) directoryOptions(l *locale.Localizer) []option {
	options := []option{{"", l.T("filter_any_directory")}, {agent.LocalDirectory, l.T("filter_local")}}
	for _, name := range d.Directories {
		options = append(options, option{name, name})
	}
	return options
}

// person names the person of a session: «Иванов Иван · ivanov».
func person(s agent.LiveSession) string {
	if s.Name == "" {
		return s.Login
	}
	return s.Name + " · " + s.Login
}

// personTitle is person with the directory.
func personTitle(s agent.LiveSession) string {
	if s.Directory == "" || s.Directory == agent.LocalDirectory {
		return person(s)
	}
	return person(s) + " · " + s.Directory
}

// addressTitle has all addresses of a session, one a line.
func addressTitle(l *locale.Localizer, s agent.LiveSession) string {
	lines := []string{address(s.Address)}
	for _, more := range s.FurtherAddresses {
		lines = append(lines, address(more))
	}
	if from := externalText(l, s); from != "" {
		lines = append(lines, from)
	}
	if s.MAC != "" {
		lines = append(lines, s.MAC)
	}
	return strings.Join(lines, "\n")
}

// externalText names the external address of a session, if that is another one.
func externalText(l *locale.Localizer, s agent.LiveSession) string {
	if !s.ExternalIP.IsValid() || s.ExternalIP == s.Address {
		return ""
	}
	return l.T("address_from", locale.Args{"Address": address(s.ExternalIP)})
}

// narrowAddresses has the external address and the MAC for phones, where nobody sees a tooltip, unless they have a column.
func (d MonitorData) narrowAddresses(l *locale.Localizer, s agent.LiveSession) string {
	var parts []string
	if from := externalText(l, s); from != "" && !d.View.Shows("external") {
		parts = append(parts, from)
	}
	if s.MAC != "" && !d.View.Shows("mac") {
		parts = append(parts, s.MAC)
	}
	return strings.Join(parts, " · ")
}
