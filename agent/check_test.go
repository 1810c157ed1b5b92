package agent

import "testing"

// TestChecksHaveGroups: each code and each condition belongs to a group that people see.
func TestChecksHaveGroups(t *testing.T) {
	known := map[CheckGroup]bool{}
	for _, group := range CheckGroups {
		known[group] = true
	}
	for _, code := range CheckCodes() {
		if c := NewCheck(code, nil); !known[c.Group] && code != CheckTimeout || c.State == "" {
			t.Errorf("%s: group %q, state %q", code, c.Group, c.State)
		}
	}
	for _, code := range ConditionCodes {
		c := CheckOfCondition(Condition{Code: code, Severity: SeverityWarn})
		if !known[c.Group] || c.State != StepWarning || c.Name() != string(code) {
			t.Errorf("%s: %+v", code, c)
		}
		if _, taken := checkKinds[CheckCode(code)]; taken {
			t.Errorf("%s is a check, too", code)
		}
	}
}

// TestCheckReport: the worst state of a group counts, and what was not checked is better than a warning.
func TestCheckReport(t *testing.T) {
	r := CheckReport{Checks: []Check{NewCheck(CheckIPv6, nil), NewCheck(CheckConntrackUnknown, nil), NewCheck(CheckRunning, nil), NewCheck(CheckStopped, nil)}}
	r.Sort()
	if r.Checks[0].Code != CheckRunning || r.Worst(ChecksGateway) != StepFailed || r.Worst(ChecksKernel) != StepSkipped || r.Worst(ChecksDisk) != StepOK ||
		r.Count(StepOK) != 2 || len(r.Of(ChecksKernel)) != 2 {
		t.Errorf("%+v", r)
	}
	r.Checks = append(r.Checks, NewCheck(CheckConntrackFull, nil))
	if r.Worst(ChecksKernel) != StepWarning {
		t.Error(r.Worst(ChecksKernel))
	}
}
