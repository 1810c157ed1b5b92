package handlers

import (
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// adminDirectoryConvert asks, then makes the chosen local accounts those of the directory.
func (s *Site) adminDirectoryConvert(c echo.Context, d agent.DirectorySettings) error {
	ctx := c.Request().Context()
	values, err := c.FormParams()
	if err != nil {
		return err
	}
	var chosen []agent.User
	for _, text := range values["user"] {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return agent.ErrNotFound
		}
		u, err := s.Accounts.User(ctx, agent.UserID(id))
		if err != nil {
			return err
		}
		if u.Local() && !u.Administrator() { // administrators never depend on a directory
			chosen = append(chosen, u)
		}
	}
	if len(chosen) == 0 {
		return done(c, locale.ToastNobodyChosen, templates.DirectoryPath(d.ID))
	}
	if c.FormValue("confirm") != "1" {
		return s.render(c, http.StatusOK, templates.Confirm(s.page(c), templates.ConfirmConvert(who(c).L, d, chosen)))
	}
	ids := make([]agent.UserID, len(chosen))
	for i, u := range chosen {
		ids[i] = u.ID
	}
	converted, err := s.Directories.Convert(ctx, d.ID, ids)
	if err != nil {
		return err
	}
	s.act(c, agent.Act{Code: agent.ActAccountsConverted, Object: idText(d.ID), Name: d.Name, Count: converted, Names: loginsOf(chosen)}, "directory", d.Name, "accounts", converted)
	return done(c, locale.ToastConverted, "/admin/users")
}
