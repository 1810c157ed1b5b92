package handlers

import (
	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
)

// Paths of browser sign-in.
const (
	webAuthPath = "/web_authd/auth" // on the portal
	signInPath  = "/sign-in"        // on port 80
)

func (s *Site) webAuth(c echo.Context) error       { return agent.ErrNotFound }
func (s *Site) webAuthSignIn(c echo.Context) error { return agent.ErrNotFound }
func (s *Site) webAuthLogout(c echo.Context) error { return agent.ErrNotFound }
func (s *Site) captiveAPI(c echo.Context) error    { return agent.ErrNotFound }
