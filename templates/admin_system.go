package templates

import (
	"strconv"
	"time"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// SystemTab is a tab of the page Система. Its value is its path.
type SystemTab string

// SystemServices is the first tab.
const SystemServices SystemTab = "/admin/system"

// systemTabs lists the tabs in their order, with the ids of their labels.
var systemTabs = []struct {
	tab  SystemTab
	name string
}{
	{SystemServices, "system_tab_services"},
	{BackupsPath, "system_tab_backups"},
	{SystemDoctor, "system_tab_doctor"},
}

// AdminSystemData fills [AdminSystem].
type AdminSystemData struct {
	agent.ServiceFacts
	Now time.Time
}

// serviceNameTexts has the ids of what each of agent.ServiceNames is.
var serviceNameTexts = []string{"system_service_backend", "system_service_server", "system_service_websocket"}

// partTexts has the ids of the names of the parts that listen.
var partTexts = map[agent.ServicePart]string{agent.PartPortal: "system_part_portal", agent.PartAgent: "system_part_agent",
	agent.PartHTTP: "system_part_http", agent.PartTunnel: "system_part_wireguard"}

// stuckTexts has the ids of the names of the parts that listen nowhere.
var stuckTexts = map[string]string{agent.LiveDatabase: "system_live_database", agent.LiveSessions: "system_live_sessions", agent.LiveFirewall: "system_live_firewall"}

// stuckNames returns the names of the parts that do not answer; of those that listen, the addresses.
func (d AdminSystemData) stuckNames(l *locale.Localizer) []string {
	names := make([]string, len(d.Stuck))
	for i, part := range d.Stuck {
		names[i] = part
		if id := stuckTexts[part]; id != "" {
			names[i] = l.T(id)
		}
	}
	return names
}

// versionRow is a version with the ids of its name and of what stands there without a version.
type versionRow struct{ name, version, absent string }

func versionRows(v agent.ServiceVersions) []versionRow {
	return []versionRow{
		{"system_version_program", v.Program, "system_version_unknown"},
		{"system_version_installer", v.Installer, "system_version_no_installer"},
		{"system_version_schema", v.Schema, "system_version_unknown"},
		{"system_version_nft", v.NFTables, "system_version_absent"},
		{"system_version_kernel", v.Kernel, "system_version_unknown"},
		{"system_version_go", v.Go, "system_version_unknown"},
	}
}

func pidText(pid int) string { return strconv.Itoa(pid) }
