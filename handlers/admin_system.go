package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/templates"
)

// adminSystem shows the services of the gateway.
func (s *Site) adminSystem(c echo.Context) error {
	return s.render(c, http.StatusOK, templates.AdminSystem(s.page(c), templates.AdminSystemData{System: s.System()}))
}
