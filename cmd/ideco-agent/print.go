package main

import (
	"encoding/json"
	"fmt"
	"io"

	"ideco-agent/agent/client"
)

// event is a line of --json. All fields are always present; unused ones are empty.
type event struct {
	State   client.State `json:"state"`
	Mode    string       `json:"mode"`    // client.ModeLAN or client.ModeVPN, while there is access
	Address string       `json:"address"` // that has access now
	Expires string       `json:"expires"` // when the session ends, RFC 3339, while there is access; empty = not known
	Code    string       `json:"code"`    // an agent.Code, an agent.Reason for client.Ended, or the code of a notice
	Message string       `json:"message"` // in the person's language
	Notice  bool         `json:"notice"`  // a notice; the state has not changed
}

// printer prints events as text or, for scripts, as one JSON object a line. Write errors are ignored.
func printer(w io.Writer, asJSON bool) func(client.Status, *client.Notice) {
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	return func(s client.Status, added *client.Notice) {
		e := event{s.State, s.Mode, s.Address, s.Expires, s.Code, s.Message, added != nil}
		if added != nil {
			e.Code, e.Message = added.Code, added.Message
		}
		switch {
		case asJSON:
			_ = lines.Encode(e)
		case e.Address != "" && e.Code == "":
			fmt.Fprintf(w, "%s (%s)\n", e.Message, e.Address)
		default:
			fmt.Fprintln(w, e.Message)
		}
	}
}
