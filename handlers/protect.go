package handlers

import (
	"cmp"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/templates/locale"
)

// contentPolicy lets a page load its own style, script and pictures and nothing else.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

func securityHeaders(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer") // the setup link must not leave with a click
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store") // answers that may be kept say so themselves
		return next(c)
	}
}

// recoverPanic turns a panic into an error, which is logged with its reference; the process goes on.
func (s *Site) recoverPanic(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer recoverTo(&err)
		return next(c)
	}
}

// answerInTime cuts an answer that is not read in time, and keeps no form while it waits: the fields are many times as
// large as the body.
func (s *Site) answerInTime(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Before(func() {
			deadline := time.Now().Add(cmp.Or(s.writeTimeoutInTests, WriteTimeout))
			_ = http.NewResponseController(c.Response().Writer).SetWriteDeadline(deadline)
			c.Request().Form, c.Request().PostForm = nil, nil
		})
		return next(c)
	}
}

// panicked is a panic as an error, with where it happened.
type panicked struct{ text string }

func (p panicked) Error() string { return p.text }

// recoverTo is to be deferred; it makes a panic the error of the function that defers it.
func recoverTo(err *error) {
	r := recover()
	if r == http.ErrAbortHandler {
		panic(r) // net/http knows it
	}
	if r != nil {
		*err = panicked{fmt.Sprintf("panic: %v\n%s", r, debug.Stack())}
	}
}

// knownHost answers only for names and addresses that are this gateway's, so that no foreign name can be pointed at it
// (DNS rebinding) and no link can be built from a forged header.
func (s *Site) knownHost(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		host := c.Request().Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
		if !s.Hosts.Known(host) {
			return echo.NewHTTPError(http.StatusMisdirectedRequest)
		}
		return next(c)
	}
}

// crossOrigin refuses what another site makes a browser send (Sec-Fetch-Site, Origin).
func (s *Site) crossOrigin() echo.MiddlewareFunc {
	protection := http.NewCrossOriginProtection()
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := protection.Check(c.Request()); err != nil {
				return refusal{http.StatusForbidden, locale.CrossOrigin}
			}
			return next(c)
		}
	}
}

const restKey = "rest"

// markREST marks requests for the paths of REST.
func markREST(paths map[string]bool) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Set(restKey, paths[firstPart(c.Request().URL.Path)])
			return next(c)
		}
	}
}

// isREST tells by the path how an error of a request that met no route is answered.
func isREST(c echo.Context) bool {
	is, _ := c.Get(restKey).(bool)
	return is
}

// spoken sets the form in which the route answers, errors included.
func (s *Site) spoken(f form) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			who(c).form = f
			return next(c)
		}
	}
}

// inForm checks that a request that changes something comes in the route's own form: pages carry the form token, REST
// says that its body is JSON, which no HTML form can. It comes after admit, so that nobody learns more than that.
func inForm(f form) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			switch r.Method {
			case http.MethodGet, http.MethodHead, http.MethodDelete:
				return next(c)
			}
			if f == rest {
				if t, _, _ := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType)); t != echo.MIMEApplicationJSON {
					return refusal{http.StatusUnsupportedMediaType, locale.WrongType}
				}
				return next(c)
			}
			r.URL.RawQuery = "" // a form's fields are in its body
			if err := r.ParseForm(); errors.Is(err, echo.ErrStatusRequestEntityTooLarge) {
				return err
			}
			if !validFormToken(c) {
				return refusal{http.StatusForbidden, locale.FormExpired}
			}
			return next(c)
		}
	}
}

// admit lets in whom the route's rule names. Where administration does not answer, its routes do not exist.
func (s *Site) admit(r rule, f form) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			v := who(c)
			if (r == administrator || r == setup) && !s.administrationAnswers(v) {
				return echo.ErrNotFound
			}
			if f != plain {
				if err := s.recognise(c); err != nil {
					return err
				}
			}
			switch {
			case r == anybody || r == setup:
				return next(c)
			case v.User == nil && f == page && safe(c.Request().Method):
				return c.Redirect(http.StatusSeeOther, "/login")
			case v.User == nil:
				return refusal{http.StatusUnauthorized, locale.NotSignedIn}
			case r == administrator && !v.User.Admin:
				return refusal{http.StatusForbidden, locale.Forbidden}
			}
			return next(c)
		}
	}
}

func safe(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// administrationAnswers tells whether administration exists for a visitor: on the gateway itself and in the LAN, never
// through the VPN.
func (s *Site) administrationAnswers(v *visitor) bool {
	return s.Hosts.Own(v.Peer.Addr) || v.Peer.Inside
}
