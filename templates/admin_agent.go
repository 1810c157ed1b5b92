package templates

import (
	"strings"

	"ideco-agent/templates/locale"
)

// AgentTab is a tab of the page Ideco-agent. Its value is its path.
type AgentTab string

// Tabs, each with a URL of its own.
const (
	AgentConnection AgentTab = "/admin/agent"
	AgentRollout    AgentTab = "/admin/agent/rollout"
	AgentAccess     AgentTab = "/admin/agent/access"
	AgentVPN        AgentTab = "/admin/agent/vpn"
)

// AgentTabs lists the tabs in their order.
var AgentTabs = []AgentTab{AgentConnection, AgentRollout, AgentAccess, AgentVPN}

// agentTabNames has the ids of their labels.
var agentTabNames = map[AgentTab]string{AgentConnection: "agent_tab_connection", AgentRollout: "agent_tab_rollout",
	AgentAccess: "agent_tab_access", AgentVPN: "agent_tab_vpn"}

// guide returns the page and the section of the manuals behind the "?" of a tab.
func (t AgentTab) guide() (at struct{ page, section string }) {
	switch at.page, at.section = "first-steps", "agent-page"; t {
	case AgentRollout:
		at.page, at.section = "windows", ""
	case AgentVPN:
		at.page, at.section = "firewall", "nat"
	}
	return at
}

// pathLabel returns the label for a Windows path: its file name.
func pathLabel(l *locale.Localizer, path string) string {
	return l.T("exclusions_path_label", locale.Args{"Name": path[strings.LastIndexByte(path, '\\')+1:]})
}

// programLabel returns a program's name and Windows versions.
func programLabel(l *locale.Localizer, program Program) string {
	name := locale.Args{"Name": program.Name}
	switch program.Windows {
	case "10":
		return l.T("program_windows_10", name)
	case "8":
		return l.T("program_windows_8", name)
	default:
		return l.T("program_windows_any", name)
	}
}

func choose(condition bool, yes, no string) string {
	if condition {
		return yes
	}
	return no
}
