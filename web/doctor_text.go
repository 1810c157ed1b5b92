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
		if cure := l.CheckCure(c); cure != "" {
			fmt.Fprintf(&b, "%s%s\n", below, l.T("check_cure", locale.Args{"Cure": cure}))
		}
		if c.Condition != nil {
			for _, cure := range templates.CuresOf(l, c) {
				fmt.Fprintf(&b, "%s%s: %s\n", below, cure.Label, cure.Path)
			}
		}
	}
	fmt.Fprintf(&b, "\n%s\n", checkSummary(l, r))
	_, err := io.WriteString(w, strings.TrimPrefix(b.String(), "\n"))
	return err
}

func checkSummary(l *locale.Localizer, r agent.CheckReport) string {
	return l.T("check_summary", locale.Args{"Failed": r.Count(agent.StepFailed), "Warnings": r.Count(agent.StepWarning), "Skipped": r.Count(agent.StepSkipped)})
}
