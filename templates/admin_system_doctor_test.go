package templates

import (
	"os"
	"strings"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// TestGuideHasChecks: both manuals have a section for each group of checks, and name each code that is not fine, with its cure.
func TestGuideHasChecks(t *testing.T) {
	for _, lang := range locale.Languages {
		b, err := os.ReadFile("guide/" + lang + "/troubleshooting.md")
		if err != nil {
			t.Fatal(err)
		}
		for _, group := range agent.CheckGroups {
			if !strings.Contains(string(b), "{#check-"+string(group)+"}") {
				t.Errorf("%s: no section for %s", lang, group)
			}
		}
		for _, code := range agent.CheckCodes() {
			if agent.NewCheck(code, nil).State != agent.StepOK && !strings.Contains(string(b), "`"+string(code)+"`") {
				t.Errorf("%s: nothing about %s", lang, code)
			}
		}
	}
}
