package seat

import (
	"errors"

	"ideco-agent/agent"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/settings"
)

// Unsettled is what stands in the way of a gateway as settings.Choose gave it; nil = nothing.
func Unsettled(lang locale.Lang, g settings.Gateway, err error) *Problem {
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
