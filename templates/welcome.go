package templates

import (
	"crypto/sha256"
	"encoding/base64"

	"ideco-agent/static"
)

// welcomeStyle is the one style element of the port 80 page. The page stands alone: port 80 answers every path of any
// name with it, so that there is no address a style sheet could come from.
func welcomeStyle() string { return static.Text("tokens.css") + static.Text("welcome.css") }

// WelcomeCSP is the Content-Security-Policy of [Welcome]: its own style element by hash, and nothing else.
func WelcomeCSP() string {
	sum := sha256.Sum256([]byte(welcomeStyle()))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
