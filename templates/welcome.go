package templates

import (
	"crypto/sha256"
	"encoding/base64"

	"ideco-agent/static"
)

// welcomeStyle is the inline style of the port 80 page. A style sheet of its own would have no URL: port 80 answers every
// path with this page.
func welcomeStyle() string { return static.Text("tokens.css") + static.Text("welcome.css") }

// welcomeTitle returns the id of the title.
func welcomeTitle(d WelcomeData) string {
	switch {
	case d.Online:
		return "web_online_title"
	case d.signsIn():
		return "welcome_sign_in_title"
	case d.AgentEnabled:
		return "welcome_title"
	}
	return "welcome_off_title"
}

func (d WelcomeData) signsIn() bool { return d.SignInByHand || d.SignInQuery != "" }

// refresh reports whether the page leads to the sign-in page by itself.
func (d WelcomeData) refresh() bool { return d.SignInQuery != "" && d.PortalURL != "" }

// signInURL returns the URL of the sign-in page.
func (d WelcomeData) signInURL() string { return d.PortalURL + "web_authd/auth?" + d.SignInQuery }

// WelcomeCSP is the Content-Security-Policy of [Welcome]: only its own style element, by hash.
func WelcomeCSP() string {
	sum := sha256.Sum256([]byte(welcomeStyle()))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
