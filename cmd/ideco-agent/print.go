package main

import (
	"encoding/json"
	"fmt"
	"io"

	"ideco-agent/agent/client"
)

// printer prints events as words for a person or as one JSON object a line for a script. Nobody is left to be told
// when printing fails.
func printer(w io.Writer, asJSON bool) func(client.Event) {
	if !asJSON {
		return func(e client.Event) {
			if e.Address != "" && e.Code == "" {
				fmt.Fprintf(w, "%s (%s)\n", e.Message, e.Address)
				return
			}
			fmt.Fprintln(w, e.Message)
		}
	}
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	return func(e client.Event) { _ = lines.Encode(e) }
}
