package handlers

import (
	"fmt"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
)

// maxDrafts limits the passwords that are kept between a test of a form and its saving.
const maxDrafts = 64

// draft is a typed password of a search account.
type draft struct {
	server   string // where it may be sent
	password string
}

// keepPassword keeps a typed password and returns its token. If none was typed, it sets the password that belongs to the token, for the
// same browser, account and server only.
func (s *Site) keepPassword(c echo.Context, token string, d *agent.DirectorySettings) string {
	server := serverOf(*d)
	if d.Password != "" {
		return s.drafts.add(c, maxDrafts, draft{server, d.Password})
	}
	one, ok := s.drafts.get(c, token)
	if !ok || one.server != server {
		return ""
	}
	d.Password = one.password
	return token
}

// serverOf identifies the account and the servers that its password is sent to.
func serverOf(d agent.DirectorySettings) string {
	return fmt.Sprintf("%q %q %q %q %q", d.Name, d.User, d.DNS, d.Controllers, d.TLSName)
}
