package session

import (
	"errors"

	"ideco-agent/agent"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/settings"
)

// Problem is a failure on this computer, not one that the gateway reports.
type Problem struct {
	Code    string `json:"code"`    // one of the constants below
	Message string `json:"message"` // what to show
}

// Codes of problems. The last two mean that there is no service; the window goes on trying to connect.
const (
	Busy             = "busy"              // another person has access
	NoGateway        = "no_gateway"        // no setting names a gateway
	BadSettings      = "bad_settings"      // the setting is malformed or cannot be read
	OldService       = "old_service"       // the service is older than the window and cannot do what was asked
	ServiceStopped   = "service_stopped"   // the service does not answer
	ServiceUntrusted = "service_untrusted" // another program answers
)

// GatewayProblem returns the problem with a result of settings.ChooseGateway, or nil.
func GatewayProblem(lang locale.Lang, g settings.Gateway, err error) *Problem {
	var wrong *settings.Problem
	switch {
	case errors.As(err, &wrong):
		return &Problem{BadSettings, locale.Text(lang, wrong.Key, "place", locale.Text(lang, string(wrong.Source)), "value",
			agent.Clean(wrong.Value, maxValue))}
	case err != nil:
		return &Problem{BadSettings, err.Error()}
	case g.Host == "":
		return &Problem{NoGateway, locale.Text(lang, locale.NoGateway)}
	}
	return nil
}

const maxValue = 200 // characters
