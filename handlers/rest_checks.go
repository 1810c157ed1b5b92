package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// CheckReportJSON is a report of the doctor in REST, and what its command prints with --json.
type CheckReportJSON struct {
	At     string       `json:"at"` // RFC 3339
	Failed int          `json:"failed"`
	Warned int          `json:"warnings"`
	Unseen int          `json:"not_checked"`
	Checks []resultJSON `json:"checks"`
}

type resultJSON struct {
	Group string            `json:"group"`
	Code  string            `json:"code"`
	State agent.StepState   `json:"state"`
	Args  map[string]string `json:"args"`
	Text  string            `json:"text"` // in the caller's language
	Cure  string            `json:"cure"` // empty if there is nothing to do, or if pages has it
	Pages []pageJSON        `json:"pages"`
}

type pageJSON struct {
	Label string `json:"label"`
	Path  string `json:"path"`
}

// NewCheckReportJSON returns a report for programs, with its texts in a language.
func NewCheckReportJSON(l *locale.Localizer, r agent.CheckReport) CheckReportJSON {
	out := CheckReportJSON{At: rfc3339(r.At), Failed: r.Count(agent.StepFailed), Warned: r.Count(agent.StepWarning), Unseen: r.Count(agent.StepSkipped), Checks: []resultJSON{}}
	for _, c := range r.Checks {
		one := resultJSON{Group: string(c.Group), Code: c.Name(), State: c.State, Args: c.Args, Text: l.Check(c), Cure: l.CheckCure(c), Pages: []pageJSON{}}
		if one.Args == nil {
			one.Args = map[string]string{}
		}
		for _, cure := range templates.CuresOf(l, c) {
			one.Pages = append(one.Pages, pageJSON(cure))
		}
		out.Checks = append(out.Checks, one)
	}
	return out
}

// restChecks runs the checks.
func (s *Site) restChecks(c echo.Context) error {
	report, err := s.Doctor.Check(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, NewCheckReportJSON(who(c).L, report))
}
