package templates

import "ideco-agent/agent"

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
	System agent.SystemFacts
}
