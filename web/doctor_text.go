package web

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// writeChecks prints a report as people read it: a line for each result, and below it what to do.
func writeChecks(w io.Writer, l *locale.Localizer, r agent.CheckReport) error {
	var b strings.Builder
	width := 0
	for _, state := range agent.StepStates {
		width = max(width, utf8.RuneCountInString(l.CheckState(state)))
	}
	group := agent.CheckGroup("")
	for _, c := range r.Checks {
		if c.Group != group {
			group = c.Group
			fmt.Fprintf(&b, "\n%s\n", l.CheckGroup(group))
		}
		state := l.CheckState(c.State)
		fmt.Fprintf(&b, "  %s%s  %s\n", state, strings.Repeat(" ", width-utf8.RuneCountInString(state)), l.Check(c))
		below := strings.Repeat(" ", width+4)
		if advice := l.CheckAdvice(c); advice != "" {
			fmt.Fprintf(&b, "%s%s\n", below, advice)
		}
		if c.Condition != nil {
			for _, cure := range templates.CuresOf(l, c) {
				fmt.Fprintf(&b, "%s%s: %s\n", below, cure.Label, cure.Path)
			}
		}
	}
	fmt.Fprintf(&b, "\n%s\n", l.CheckSummary(r))
	_, err := io.WriteString(w, strings.TrimPrefix(b.String(), "\n"))
	return err
}
