package handlers

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/templates"
)

// overviewPath is the first page of an administrator.
const overviewPath = "/admin/overview"

func (s *Site) adminOverviewRedirect(c echo.Context) error {
	return c.Redirect(http.StatusSeeOther, overviewPath)
}

func (s *Site) adminOverview(c echo.Context) error {
	return s.render(c, http.StatusOK, templates.AdminOverview(s.page(c), templates.AdminOverviewData{
		Sessions: s.Sessions.Counts(),
		Now:      time.Now(),
	}))
}
