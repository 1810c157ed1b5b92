package handlers

import (
	"cmp"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/templates/locale"
)

// contentPolicy lets a page load only the portal's own styles, scripts and images.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

func securityHeaders(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin") // not no-referrer: browsers that send no Sec-Fetch-Site would send Origin: null with a form
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store") // cacheable answers override it
		return next(c)
	}
}

// recoverPanic turns a handler's panic into an error, which answerError logs.
func (s *Site) recoverPanic(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer recoverTo(&err)
		return next(c)
	}
}

// answerInTime limits the time of sending an answer, and frees the parsed form first: it takes many times the memory of the
// body.
func (s *Site) answerInTime(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Before(func() {
			deadline := time.Now().Add(cmp.Or(s.writeTimeoutInTests, WriteTimeout))
			_ = http.NewResponseController(c.Response().Writer).SetWriteDeadline(deadline)
			c.Request().Form, c.Request().PostForm, c.Request().MultipartForm = nil, nil, nil
		})
		return next(c)
	}
}

// panicked is a panic as an error, with its stack.
type panicked struct{ text string }

func (p panicked) Error() string { return p.text }

// recoverTo turns a panic into *err. Use it with defer.
func recoverTo(err *error) {
	r := recover()
	if r == http.ErrAbortHandler {
		panic(r) // net/http handles it
	}
	if r != nil {
		*err = panicked{fmt.Sprintf("panic: %v\n%s", r, debug.Stack())}
	}
}

// knownHost refuses requests whose Host is not one of the gateway's names and addresses, against DNS rebinding and links
// built from a forged header.
func (s *Site) knownHost(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !s.Addressing.Known(hostOf(c.Request())) {
			return echo.NewHTTPError(http.StatusMisdirectedRequest)
		}
		return next(c)
	}
}

// hostOf returns the host that a request is for, in canonical form and without its port.
func hostOf(r *http.Request) string {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().String()
	}
	return host
}

// crossOrigin refuses cross-site requests (Sec-Fetch-Site, Origin). http.CrossOriginProtection compares only the host of an Origin. A page
// forged over plain HTTP has the portal's host, so any Origin with http is refused too.
func (s *Site) crossOrigin() echo.MiddlewareFunc {
	protection := http.NewCrossOriginProtection()
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			forged := strings.HasPrefix(c.Request().Header.Get("Origin"), "http://") && !safe(c.Request().Method)
			if err := protection.Check(c.Request()); err != nil || forged {
				return refusal{http.StatusForbidden, locale.CrossOrigin}
			}
			return next(c)
		}
	}
}

const restKey = "rest"

// markREST marks requests whose path begins like that of a REST route.
func markREST(paths map[string]bool) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Set(restKey, paths[firstSegment(c.Request().URL.Path)])
			return next(c)
		}
	}
}

// isREST reports whether the request's path belongs to REST, also if it has no route.
func isREST(c echo.Context) bool {
	is, _ := c.Get(restKey).(bool)
	return is
}

// setKind sets the kind of the route, which decides the format of its errors, and whether it is one of vendorRoutes.
func (s *Site) setKind(k kind, vendor bool) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			who(c).kind, who(c).vendor = k, vendor
			return next(c)
		}
	}
}

// preventForgery refuses a changing request that an HTML form of another site may have sent (CSRF): old browsers send forms without
// Sec-Fetch-Site and Origin, which crossOrigin needs; scripts of pages always send an Origin. A page needs the form token, REST a content
// type with which no form can send JSON. It runs after admit, which hides the routes of administrators.
func (s *Site) preventForgery(k kind) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			switch {
			case safe(r.Method), r.Method == http.MethodDelete, k == oneTimeToken: // its handlers check the token
				return next(c)
			}
			if k == rest {
				if !carriesJSON(r.Header.Values(echo.HeaderContentType)) {
					return refusal{http.StatusUnsupportedMediaType, locale.WrongType}
				}
				return next(c)
			}
			r.URL.RawQuery = "" // fields count only in the body
			err := r.ParseForm()
			if err == nil {
				err = r.ParseMultipartForm(maxFormMemory) // http.ErrNotMultipart for a form without a file
			}
			if errors.Is(err, echo.ErrStatusRequestEntityTooLarge) {
				return err
			}
			if !validFormToken(c) {
				if answered, err := s.sendAgain(c); answered {
					return err
				}
				return refusal{http.StatusForbidden, locale.FormExpired}
			}
			return next(c)
		}
	}
}

// carriesJSON reports whether REST takes a body with these content types: JSON, none, or what curl --data sends.
func carriesJSON(contentTypes []string) bool {
	if len(contentTypes) == 0 || len(contentTypes) == 1 && contentTypes[0] == "" {
		return true
	}
	t, _, _ := mime.ParseMediaType(contentTypes[0])
	return len(contentTypes) == 1 && (t == echo.MIMEApplicationJSON || t == echo.MIMEApplicationForm)
}

// admit applies the route's rule. Outside the LAN the routes of administrators do not exist.
func (s *Site) admit(r rule, k kind) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			v := who(c)
			if (r == administrator || r == setup) && !s.administrationAnswers(v) {
				return echo.ErrNotFound
			}
			if r == setup {
				c.Response().Header().Set("Referrer-Policy", "no-referrer") // the link is a secret
			}
			if k == page || k == rest {
				if err := s.loadUser(c); err != nil {
					return err
				}
			}
			if v.User == nil && k == page && r != anybody && r != setup && !safe(c.Request().Method) {
				if err := s.signInAgain(c); err != nil || v.User == nil {
					return err
				}
			}
			switch {
			case r == anybody || r == setup:
				return next(c)
			case v.User == nil && k == page && safe(c.Request().Method):
				return c.Redirect(http.StatusSeeOther, "/login")
			case v.User == nil:
				return refusal{http.StatusUnauthorized, locale.NotSignedIn}
			case r == administrator && !v.User.Administrator():
				return refusal{http.StatusForbidden, locale.Forbidden}
			}
			return next(c)
		}
	}
}

func safe(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// administrationAnswers reports whether a visitor may see administration: on the gateway itself and in the LAN, not through
// the VPN.
func (s *Site) administrationAnswers(v *visitor) bool {
	return s.Addressing.Own(v.Peer.Addr) || v.Peer.Inside
}
