package agent

import "testing"

func TestWorst(t *testing.T) {
	warn, bad := Condition{Severity: SeverityWarn}, Condition{Severity: SeverityBad}
	for want, lists := range map[Severity][][]Condition{
		SeverityOK:   {nil},
		SeverityWarn: {{warn}, {warn, warn}},
		SeverityBad:  {{bad}, {warn, bad}, {bad, warn}},
	} {
		for _, list := range lists {
			if got := Worst(list); got != want {
				t.Errorf("%v: %s, want %s", list, got, want)
			}
		}
	}
}
