package templates

// SessionsTable is the table of the page Монитор → Авторизованные пользователи.
var SessionsTable = &Table{
	Name: "sessions", Path: "/admin/monitor/sessions", Title: "sessions_title", CSV: "/admin/monitor/sessions.csv", Sort: "-started",
	Sizes: []int{50, 100, 300},
	Columns: []Column{
		{Key: "state", Label: "column_status", Sortable: true, Icon: true},
		{Key: "login", Label: "column_person", Sortable: true, Fixed: true},
		{Key: "address", Label: "column_address", Sortable: true},
		{Key: "kind", Label: "column_kind", Sortable: true},
		{Key: "device", Label: "column_device", Sortable: true},
		{Key: "started", Label: "column_started", Sortable: true, Down: true},
		{Key: "rx", Label: "traffic_in", Sortable: true, Down: true, Number: true},
		{Key: "tx", Label: "traffic_out", Sortable: true, Down: true, Number: true},
		{Key: "action", Label: "column_actions", Fixed: true, Icon: true, Action: true},
	},
}

// VPNTable is the table of the page Монитор → VPN пользователи.
var VPNTable = &Table{
	Name: "vpn", Path: "/admin/monitor/vpn", Title: "vpn_title", CSV: "/admin/monitor/vpn.csv", Sort: "-started",
	Sizes: []int{50, 100, 300},
	Columns: []Column{
		{Key: "state", Label: "column_status", Sortable: true, Icon: true},
		{Key: "login", Label: "column_person", Sortable: true, Fixed: true},
		{Key: "external", Label: "column_external_ip", Sortable: true},
		{Key: "address", Label: "column_tunnel", Sortable: true},
		{Key: "device", Label: "column_device", Sortable: true},
		{Key: "started", Label: "column_started", Sortable: true, Down: true},
		{Key: "rx", Label: "traffic_in", Sortable: true, Down: true, Number: true},
		{Key: "tx", Label: "traffic_out", Sortable: true, Down: true, Number: true},
		{Key: "handshake", Label: "column_handshake", Sortable: true, Down: true},
		{Key: "action", Label: "column_actions", Fixed: true, Icon: true, Action: true},
	},
}
