package handlers

import (
	"bytes"
	"math"
	"mime"
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/agent/accountcsv"
)

// adminUsersExport answers with the local accounts as a file that can be loaded again. It holds no passwords.
func (s *Site) adminUsersExport(c echo.Context) error {
	ctx, l := c.Request().Context(), who(c).L
	users, _, err := s.selectUsers(ctx, agent.UserFilter{Directory: agent.LocalDirectory}, math.MaxInt)
	if err != nil {
		return err
	}
	tree, err := s.Groups.GroupTree(ctx)
	if err != nil {
		return err
	}
	var file bytes.Buffer
	if err := accountcsv.Write(&file, l.Lang(), users, tree); err != nil {
		return err
	}
	s.act(c, agent.Act{Code: agent.ActAccountsExported, Count: len(users)}, "accounts", len(users))
	c.Response().Header().Set(echo.HeaderContentDisposition, mime.FormatMediaType("attachment", map[string]string{"filename": "accounts.csv"}))
	return c.Blob(http.StatusOK, "text/csv; charset=utf-8", file.Bytes())
}
