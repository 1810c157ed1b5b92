package handlers

import (
	"net/netip"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

// adminAgentBrowser saves the networks where people sign in by a browser. Sessions of kind web in other networks end.
func (s *Site) adminAgentBrowser(c echo.Context) error {
	typed := c.FormValue("browser_sign_in_networks")
	return s.saveForm(c, settingsForm{
		tab: templates.AgentAccess,
		act: agent.ActBrowserNetworksSaved,
		read: func(n *agent.Settings) (problems agent.Problems) {
			nets, problem := agent.ParseNetworks("browser_sign_in_networks", typed)
			n.BrowserSignIn = nets
			return problemsOf(problem)
		},
		question: func(ending int) templates.ConfirmData { return templates.ConfirmBrowserSignIn(who(c).L, typed, ending) },
		typed:    func(d *templates.AdminAgentData) { d.Browser.Networks = typed },
	})
}

// browserSignIn fills the card of browser sign-in with saved settings.
func (s *Site) browserSignIn(now agent.Settings) templates.BrowserSignIn {
	return templates.NewBrowserSignIn(now, s.PubliclyTrusted(), s.Portal(netip.Addr{}))
}
