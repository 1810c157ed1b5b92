package templates

import "ideco-agent/agent"

// onlineLeads are the IDs of the texts of [WebOnline] that say how the host got access.
var onlineLeads = map[agent.Kind]string{
	agent.KindWeb:    "web_online_web",
	agent.KindLAN:    "web_online_lan",
	agent.KindStatic: "web_online_static",
}
