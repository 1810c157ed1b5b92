package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
)

func (s *Site) restState(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]bool{"enabled": s.Settings.Current().Enabled})
}

func (s *Site) restSetState(c echo.Context) error {
	var body struct {
		Enabled *bool `json:"enabled"`
	}
	if err := decode(c, &body); err != nil {
		return err
	}
	if body.Enabled == nil {
		return agent.Problems{{Field: "enabled", Code: "field_required"}}
	}
	if err := s.setState(c, *body.Enabled); err != nil {
		return err
	}
	return s.restState(c)
}
