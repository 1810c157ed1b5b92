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
	if d.AgentEnabled {
		return "welcome_title"
	}
	return "welcome_off_title"
}

// WelcomeCSP is the Content-Security-Policy of [Welcome]: only its own style element, by hash.
func WelcomeCSP() string {
	sum := sha256.Sum256([]byte(welcomeStyle()))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
