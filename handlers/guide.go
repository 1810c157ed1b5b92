package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/guide"
)

// guide serves a page of the manuals. They need no login: people who cannot sign in need them most.
func (s *Site) guide(c echo.Context) error {
	open, ok := guide.Find(who(c).L.Lang(), c.Param("page"))
	if !ok {
		return agent.ErrNotFound
	}
	return s.render(c, http.StatusOK, templates.Guide(s.page(c), open))
}

func (s *Site) guideStart(c echo.Context) error {
	return c.Redirect(http.StatusSeeOther, guide.Path(guide.Names[0], ""))
}
