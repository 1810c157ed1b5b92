package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
)

type conditionJSON struct {
	Code     agent.ConditionCode `json:"code"`
	Severity agent.Severity      `json:"severity"`
	Detail   string              `json:"detail"`
	Args     map[string]string   `json:"args"`
	Text     string              `json:"text"` // in the caller's language
}

// restConditions answers the state of the gateway. The list is empty if everything works.
func (s *Site) restConditions(c echo.Context) error {
	conditions, err := s.Conditions(c.Request().Context())
	if err != nil {
		return err
	}
	list := make([]conditionJSON, len(conditions))
	for i, one := range conditions {
		list[i] = conditionJSON{one.Code, one.Severity, one.Detail, one.Args, who(c).L.Condition(one)}
		if one.Args == nil {
			list[i].Args = map[string]string{}
		}
	}
	return c.JSON(http.StatusOK, map[string]any{"state": agent.Worst(conditions), "conditions": list})
}
