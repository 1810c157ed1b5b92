package handlers

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// negotiate is the scheme of HTTP authentication by Kerberos, RFC 4559. Its challenge is sent only on the paths below, because
// browsers that have no ticket ask for a password when they see it.
const negotiate = "Negotiate"

// maxTicketText limits a token in base64, in bytes.
const maxTicketText = 87384

// offersSSO reports whether a visitor may sign in by a ticket: in the LAN, if a directory has a keytab.
func (s *Site) offersSSO(p agent.Peer) bool { return p.Inside && len(s.Directories.Realms()) > 0 }

// loginSSO signs in by the ticket that the browser sends after a challenge.
func (s *Site) loginSSO(c echo.Context) error {
	err := s.signInByTicket(c)
	if errors.As(err, new(refusal)) { // no ticket yet: a browser that has one repeats the request, another one shows this page
		return s.loginSSOPage(c, http.StatusUnauthorized, templates.LoginSSOData{NoTicket: true})
	}
	if refused := (*agent.Error)(nil); errors.As(err, &refused) && refused.Code != agent.CodeInternal {
		retryAfter(c, refused)
		return s.loginSSOPage(c, statusOf(refused.Code), templates.LoginSSOData{Error: who(c).L.Refusal(refused), Help: string(refused.Code)})
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, s.homeOf(who(c)))
}

func (s *Site) loginSSOPage(c echo.Context, status int, d templates.LoginSSOData) error {
	p := s.page(c)
	p.Path = "/login" // this path has no page of its own
	return s.render(c, status, templates.LoginSSO(p, d))
}

// loginSSOReload redirects a reload of loginSSOPage.
func (s *Site) loginSSOReload(c echo.Context) error { return c.Redirect(http.StatusSeeOther, "/login") }

func (s *Site) restLoginSSO(c echo.Context) error { return doneREST(c, s.signInByTicket(c)) }

// signInByTicket verifies the ticket in the header and signs the account in on this browser. Without a ticket it sets the challenge in the
// answer and returns a refusal.
func (s *Site) signInByTicket(c echo.Context) error {
	v := who(c)
	if !s.offersSSO(v.Peer) {
		return agent.Refuse(agent.CodeSSOUnavailable)
	}
	scheme, text, _ := strings.Cut(c.Request().Header.Get(echo.HeaderAuthorization), " ")
	if !strings.EqualFold(scheme, negotiate) {
		c.Response().Header().Set(echo.HeaderWWWAuthenticate, negotiate)
		return refusal{http.StatusUnauthorized, locale.TicketMissing}
	}
	token, err := decodeTicket(strings.TrimSpace(text))
	if err != nil {
		return &agent.Error{Code: agent.CodeSSORefused, Err: err}
	}
	u, err := s.Gate.SignInByTicket(c.Request().Context(), access.TicketSignIn{Token: token, Peer: v.Peer, DeviceID: browserDevice(c)})
	if err != nil {
		return err
	}
	return s.finishSignIn(c, u)
}

// decodeTicket decodes a token from base64.
func decodeTicket(text string) ([]byte, error) {
	if text == "" || len(text) > maxTicketText {
		return nil, errors.New("no token, or a token that is too long")
	}
	return base64.StdEncoding.DecodeString(text)
}
