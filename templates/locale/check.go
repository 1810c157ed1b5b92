package locale

import (
	"cmp"
	"strconv"
	"time"

	"ideco-agent/agent"
)

// Arguments of the texts of checks, by how they are written.
var (
	checkWords = []string{"Address", "Addresses", "Agents", "Capabilities", "Command", "Count", "Data", "Days", "Error", "File", "Flag", "Interface", "Issuer",
		"Left", "Limit", "Max", "Mode", "Name", "Now", "Own", "Owner", "Path", "Pin", "Port", "Process", "Program", "Release", "Server", "Sessions", "State",
		"Unit", "User", "Version", "Zone"}
	checkTimes = []string{"Since", "Time", "Until"}        // in RFC 3339
	checkBytes = []string{"Free", "Size", "Total", "Used"} // whole numbers
)

// Check says what a check of the gateway has found.
func (l *Localizer) Check(c agent.Check) string {
	switch {
	case c.Condition != nil:
		return l.Condition(*c.Condition)
	case c.Step != nil:
		return l.T("check_directory_named", Args{"Name": c.Args["Name"], "Cause": l.Cause(*c.Step)})
	}
	return l.T("check_"+string(c.Code), l.checkArgs(c))
}

// CheckCure says what to do about the result of a check; empty if all is well, or if the condition behind it has its own cures.
func (l *Localizer) CheckCure(c agent.Check) string {
	switch {
	case c.State == agent.StepOK, c.Condition != nil:
		return ""
	case c.Step != nil:
		return l.Cure(*c.Step)
	}
	return l.T("check_"+string(c.Code)+"_cure", l.checkArgs(c))
}

// CheckAdvice is CheckCure as a sentence of its own, for texts without a page; empty if there is nothing to do.
func (l *Localizer) CheckAdvice(c agent.Check) string {
	if cure := l.CheckCure(c); cure != "" {
		return l.T("check_cure", Args{"Cure": cure})
	}
	return ""
}

// CheckSummary says how many results of each kind there are.
func (l *Localizer) CheckSummary(r agent.CheckReport) string {
	if r.Count(agent.StepOK) == len(r.Checks) {
		return l.T("check_all_well")
	}
	return l.T("check_summary", Args{"Failed": r.Count(agent.StepFailed), "Warnings": r.Count(agent.StepWarning), "Skipped": r.Count(agent.StepSkipped)})
}

// BundleReadme says what the file for support holds.
func (l *Localizer) BundleReadme(version string, at time.Time) string {
	return l.T("bundle_readme", Args{"Version": version, "Time": l.Time(at)})
}

// CheckState names the state of a result.
func (l *Localizer) CheckState(s agent.StepState) string { return l.T("check_state_" + string(s)) }

// CheckGroup names a group.
func (l *Localizer) CheckGroup(g agent.CheckGroup) string { return l.T("check_group_" + string(g)) }

func (l *Localizer) checkArgs(c agent.Check) Args {
	args := Args{"Running": c.Args["Used"] != "" && c.Args["Used"] != "0"}
	for _, name := range checkWords {
		args[name] = cmp.Or(c.Args[name], "—")
	}
	for _, name := range checkTimes {
		at, _ := time.Parse(time.RFC3339, c.Args[name])
		args[name] = l.Time(at)
	}
	for _, name := range checkBytes {
		args[name] = "—"
		if n, err := strconv.ParseUint(c.Args[name], 10, 64); err == nil && (n > 0 || name == "Free") {
			args[name] = l.Bytes(&n)
		}
	}
	return args
}
