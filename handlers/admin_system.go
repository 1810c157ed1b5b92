package handlers

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/templates"
)

// adminSystem shows the services of the gateway.
func (s *Site) adminSystem(c echo.Context) error {
	d := templates.AdminSystemData{ServiceFacts: s.Service(c.Request().Context()), Now: time.Now()}
	return s.render(c, http.StatusOK, templates.AdminSystem(s.page(c), d))
}
