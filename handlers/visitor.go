package handlers

import (
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// visitor is the sender of a request.
type visitor struct {
	Peer    agent.Peer
	User    *agent.User          // nil: not signed in
	Browser agent.BrowserSession // valid if User is set
	L       *locale.Localizer
	Theme   string
	kind    kind
	vendor  bool // the route is one of vendorRoutes
}

const visitorKey = "visitor"

func who(c echo.Context) *visitor { return c.Get(visitorKey).(*visitor) }

// Cookies for preferences. They hold no secret.
const (
	languageCookie = "ideco_lang"
	themeCookie    = "ideco_theme"
	toastCookie    = "ideco_toast"
)

// setVisitor creates the request's visitor. It comes before all middleware that decides something.
func (s *Site) setVisitor(k kind) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			peer, err := netip.ParseAddr(c.RealIP())
			if err != nil {
				return echo.NewHTTPError(http.StatusBadRequest).SetInternal(err)
			}
			v := &visitor{Peer: s.Addressing.Peer(peer, interfaceOf(c.Request().Context())), kind: k,
				L: locale.For(cookieValue(c, languageCookie), c.Request().Header.Get("Accept-Language"))} // the switch on the pages comes first
			if t := cookieValue(c, themeCookie); t == "light" || t == "dark" {
				v.Theme = t
			}
			c.Set(visitorKey, v)
			if c.Request().Method == http.MethodOptions { // echo's answer would show which paths exist
				return echo.ErrMethodNotAllowed
			}
			return next(c)
		}
	}
}

// loadUser loads the account of the browser's cookie. An expired session, or an account that may not log in (User.Refusal),
// counts as not signed in.
func (s *Site) loadUser(c echo.Context) error {
	v, ctx := who(c), c.Request().Context()
	browser, err := s.currentBrowser(c)
	if errors.Is(err, agent.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	u, err := s.Accounts.User(ctx, browser.UserID)
	if errors.Is(err, agent.ErrNotFound) || err == nil && u.Refusal() != "" {
		return nil
	}
	if err != nil {
		return err
	}
	err = s.touchBrowser(ctx, browser, time.Now())
	if errors.Is(err, agent.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	v.User, v.Browser = &u, browser
	return nil
}

// page returns the data that every page needs, with the toast of the previous action.
func (s *Site) page(c echo.Context) templates.Page {
	v := who(c)
	p := templates.Page{
		L:     v.L,
		Path:  c.Request().URL.Path,
		Query: c.Request().URL.RawQuery,
		User:  v.User,
		CSRF:  maskedFormToken(c),
		Theme: v.Theme,
		Toast: takeToast(c),
	}
	if v.User != nil && v.User.Administrator() {
		p.StoreTrouble = s.Storing()
		for _, end := range s.Certificates.Ending() {
			end.Name = unicodeName(end.Name)
			p.Ending = append(p.Ending, end)
		}
	}
	return p
}

func cookieValue(c echo.Context, name string) string {
	cookie, err := c.Cookie(name)
	if err != nil {
		return ""
	}
	return cookie.Value
}

// setChoice stores a preference in a cookie for a year.
func setChoice(c echo.Context, name, value string) {
	c.SetCookie(&http.Cookie{Name: name, Value: value, Path: "/", MaxAge: 365 * 24 * 3600, Secure: c.IsTLS(),
		HttpOnly: true, SameSite: http.SameSiteLaxMode})
}
