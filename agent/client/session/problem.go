package session

import (
	"errors"

	"ideco-agent/agent"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/settings"
)

// Problem is something that the gateway knows nothing of.
type Problem struct {
	Code    string `json:"code"`    // one of those below
	Message string `json:"message"` // what to show
}

// Codes of problems. With the last two there is no service to ask for now; it is looked for again and again.
const (
	Busy             = "busy"              // somebody else has access
	NoGateway        = "no_gateway"        // no place names a gateway
	BadSettings      = "bad_settings"      // what names the gateway is malformed or cannot be read
	ServiceStopped   = "service_stopped"   // the service does not answer
	ServiceUntrusted = "service_untrusted" // what answers is not the service
)

// GatewayProblem is what is wrong with a gateway as settings.Choose returned it; nil = nothing.
func GatewayProblem(lang locale.Lang, g settings.Gateway, err error) *Problem {
	var wrong *settings.Problem
	switch {
	case errors.As(err, &wrong):
		return &Problem{BadSettings, locale.Text(lang, wrong.Key, "place", locale.Text(lang, string(wrong.Place)), "value",
			agent.Clean(wrong.Value, maxValue))}
	case err != nil:
		return &Problem{BadSettings, err.Error()}
	case g.Host == "":
		return &Problem{NoGateway, locale.Text(lang, locale.NoGateway)}
	}
	return nil
}

const maxValue = 200 // characters of what somebody wrote
