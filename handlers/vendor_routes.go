package handlers

// vendorRoutes are the routes that the vendor documents for its own gateways, so that scripts for those work here. Only these routes
// accept the vendor's cookies, see browserSession. The agent's state and settings have one path for versions 17–18 and one for 19–20;
// each takes PUT and PATCH.
func (s *Site) vendorRoutes() []route {
	return []route{
		{"POST", "/web/auth/login", anybody, rest, s.restLogin},
		{"DELETE", "/web/auth/login", user, rest, s.restLogout},
		{"DELETE", "/web/admin/auth/login", user, rest, s.restLogout}, // version 19
		{"GET", "/web/whoami", user, rest, s.restWhoami},

		{"GET", "/agent_backend/wireguard/state", administrator, rest, s.restState},
		{"PUT", "/agent_backend/wireguard/state", administrator, rest, s.restSetState},
		{"PATCH", "/agent_backend/wireguard/state", administrator, rest, s.restSetState},
		{"GET", "/agent_backend/wireguard/setting", administrator, rest, s.restSettings},
		{"PUT", "/agent_backend/wireguard/setting", administrator, rest, s.restSetSettings},
		{"PATCH", "/agent_backend/wireguard/setting", administrator, rest, s.restSetSettings},
		{"GET", "/agent_backend/agent-server/state", administrator, rest, s.restState},
		{"PUT", "/agent_backend/agent-server/state", administrator, rest, s.restSetState},
		{"PATCH", "/agent_backend/agent-server/state", administrator, rest, s.restSetState},
		{"GET", "/agent_backend/agent-server/setting", administrator, rest, s.restSettings},
		{"PUT", "/agent_backend/agent-server/setting", administrator, rest, s.restSetSettings},
		{"PATCH", "/agent_backend/agent-server/setting", administrator, rest, s.restSetSettings},

		{"GET", "/user_backend/users", administrator, rest, s.restUsers},
		{"POST", "/user_backend/users", administrator, rest, s.restUserCreate},
		{"PUT", "/user_backend/users/:id", administrator, rest, s.account(s.restUserChange)},
		{"DELETE", "/user_backend/users/:id", administrator, rest, s.account(s.restUserDelete)},
		{"PUT", "/user_backend/change_password/:id", administrator, rest, s.account(s.restUserPassword)},
		{"PATCH", "/user_backend/users/:id/disable-vpn", administrator, rest, s.account(s.restUserDisableVPN)},
		{"GET", "/user_backend/groups", administrator, rest, s.restGroups},
		{"POST", "/user_backend/groups", administrator, rest, s.restGroupCreate},
		{"PUT", "/user_backend/groups/:id", administrator, rest, s.group(s.restGroupChange)},
		{"DELETE", "/user_backend/groups/:id", administrator, rest, s.group(s.restGroupDelete)},

		{"GET", "/auth/rules", administrator, rest, s.restRules},
		{"POST", "/auth/rules", administrator, rest, s.restRuleAdd},
		{"PATCH", "/auth/rules/:id", administrator, rest, s.rule(s.restRuleChange)},
		{"DELETE", "/auth/rules/:id", administrator, rest, s.rule(s.restRuleDelete)},

		{"GET", "/ad_backend/domains", administrator, rest, s.restDirectories},
		{"POST", "/ad_backend/domains", administrator, rest, s.restDirectoryCreate},
		{"PUT", "/ad_backend/domains/:id", administrator, rest, s.directory(s.restDirectoryChange)},
		{"DELETE", "/ad_backend/domains/:id", administrator, rest, s.directory(s.restDirectoryDelete)},

		{"GET", "/monitor_backend/auth_sessions", administrator, rest, s.restAuthSessions},
		{"DELETE", "/monitor_backend/sessions/logout/:ip", anybody, rest, s.restLogoutAddress},
		{"GET", "/user_cabinet_reports/auth_journal", administrator, rest, s.restJournal},
		{"GET", "/user_cabinet_reports/auth_journal/unique_values/:column", administrator, rest, s.restJournalValues},
	}
}
