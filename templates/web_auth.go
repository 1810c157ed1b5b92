package templates

import "ideco-agent/agent"

// onlineLeads are the ids of the texts of [WebOnline] that say who opened the access.
var onlineLeads = map[agent.Kind]string{
	agent.KindWeb:    "web_online_web",
	agent.KindLAN:    "web_online_lan",
	agent.KindStatic: "web_online_static",
}
