package handlers

import (
	"cmp"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// webAuthPath is the path of browser sign-in on the portal.
const webAuthPath = "/web_authd/auth"

// signsInByBrowser reports whether a peer may get access by signing in on webAuthPath.
func (s *Site) signsInByBrowser(p agent.Peer) bool {
	now := s.Settings.Current()
	return now.Enabled && now.SignsInByBrowser(p)
}

// webAuth is the sign-in page of a host in the LAN, or the page of its session. The parameter again asks for the sign-in page in spite
// of a session. A request without a valid token is redirected to one with a new token.
func (s *Site) webAuth(c echo.Context) error {
	v, query := who(c), c.QueryParams()
	if err := s.checkWebAuth(v.Peer, query.Get("user_ip")); err != nil {
		return err
	}
	token := query.Get("token")
	origin, live := s.webTokens.find(v.Peer.Addr, token)
	if !live {
		if embedded(c.Request()) { // it would void the token of the form that the person fills in
			return refusal{http.StatusForbidden, locale.CrossOrigin}
		}
		origin = cleanOrigin(cmp.Or(query.Get("webauth_origin"), query.Get("origin")))
		next := webAuthQuery(v.Peer, s.webTokens.add(v.Peer.Addr, origin), origin)
		if query.Has("again") {
			next.Set("again", "")
		}
		return c.Redirect(http.StatusFound, webAuthPath+"?"+next.Encode())
	}
	d := templates.WebAuthData{Token: token, Origin: origin}
	s.Sessions.JoinSession(c.Request().Context(), v.Peer)
	if session, ok := s.connectedSession(v.Peer); ok && !query.Has("again") {
		return s.render(c, http.StatusOK, templates.WebOnline(s.page(c), templates.WebOnlineData{WebAuthData: d, Session: session, Now: time.Now()}))
	}
	return s.webAuthForm(c, http.StatusOK, d)
}

// embedded reports whether a page of another site made a request for an image, a frame or a script, not by a link or redirect. Old browsers
// do not say so.
func embedded(r *http.Request) bool {
	from, as := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Sec-Fetch-Dest")
	return (from == "cross-site" || from == "same-site") && as != "" && as != "document"
}

// checkWebAuth refuses a peer that does not sign in by a browser, and a user_ip other than the peer's address. user_ip may be empty.
func (s *Site) checkWebAuth(peer agent.Peer, userIP string) error {
	if !s.signsInByBrowser(peer) {
		return refusal{http.StatusNotFound, locale.BrowserSignInOff}
	}
	if a, err := netip.ParseAddr(userIP); userIP != "" && (err != nil || agent.Unmap(a) != peer.Addr) {
		return refusal{http.StatusForbidden, locale.BrowserAddress}
	}
	return nil
}

// webAuthQuery is the query of webAuthPath, with the vendor's names.
func webAuthQuery(peer agent.Peer, token, origin string) url.Values {
	return url.Values{"user_ip": {peer.String()}, "webauth_origin": {origin}, "token": {token}}
}

// connectedSession returns the session that lets the address of a peer in the LAN through.
func (s *Site) connectedSession(p agent.Peer) (agent.LiveSession, bool) {
	live, ok := s.Sessions.SessionAt(p.Addr)
	return live, ok && p.Inside && live.State == agent.StateConnected
}

// webAuthForm shows the form for login and password.
func (s *Site) webAuthForm(c echo.Context, status int, d templates.WebAuthData) error {
	p := s.page(c)
	p.Query = webAuthQuery(who(c).Peer, d.Token, d.Origin).Encode() // for the switches of language and theme, also after a POST
	d.Program = s.Settings.Current().Domain != "" && s.Installer.Ready() == nil
	return s.render(c, status, templates.WebAuth(p, d))
}

// webAuthBody is the body of a sign-in: a form, or the vendor's JSON, whose further fields are ignored.
type webAuthBody struct {
	Login    string `json:"login"`
	Password string `json:"password"`
	UserIP   string `json:"user_ip"`
	Origin   string `json:"webauth_origin"` // used only if the token has expired
	Token    string `json:"token"`
}

// readWebAuth reads the body. If it is JSON, the answer is JSON too: the kind of the route becomes rest.
func readWebAuth(c echo.Context) (body webAuthBody, err error) {
	r := c.Request()
	if !carriesJSON(r.Header.Values(echo.HeaderContentType)) { // also the type of HTML forms
		return body, refusal{http.StatusUnsupportedMediaType, locale.WrongType}
	}
	b, err := readBody(c)
	if err != nil {
		return body, err
	}
	contentType, _, _ := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType))
	if isJSON := strings.HasPrefix(strings.TrimSpace(string(b)), "{"); contentType == echo.MIMEApplicationForm && !isJSON {
		form, _ := url.ParseQuery(string(b)) // invalid pairs are left out
		return webAuthBody{form.Get("login"), form.Get("password"), form.Get("user_ip"), form.Get("webauth_origin"), form.Get("token")}, nil
	}
	who(c).kind = rest
	if err := json.Unmarshal(b, &body); err != nil {
		return body, readBadJSON(err, b, "")
	}
	return body, nil
}

// webAuthSignIn begins a session of kind web. The token stays valid until a sign-in succeeds.
func (s *Site) webAuthSignIn(c echo.Context) error {
	v := who(c)
	body, err := readWebAuth(c)
	if err != nil {
		return err
	}
	if err := s.checkWebAuth(v.Peer, body.UserIP); err != nil {
		return err
	}
	d := templates.WebAuthData{Login: agent.Clean(body.Login, agent.MaxLoginTyped), Token: body.Token}
	var live bool
	if d.Origin, live = s.webTokens.find(v.Peer.Addr, body.Token); !live {
		if v.kind == rest {
			return refusal{http.StatusBadRequest, locale.BrowserToken}
		}
		d.Origin = cleanOrigin(body.Origin)
		d.Token, d.Error = s.webTokens.add(v.Peer.Addr, d.Origin), v.L.T(locale.BrowserToken)
		return s.webAuthForm(c, http.StatusBadRequest, d)
	}
	_, err = s.Sessions.AuthorizeBrowser(c.Request().Context(), access.BrowserAttempt{
		Login: body.Login, Password: body.Password, Peer: v.Peer,
		DeviceID: webAuthDevice(c), Browser: templates.BrowserAndSystem(c.Request().UserAgent()),
	})
	if errors.Is(err, agent.ErrNotFound) { // the network's setting has just changed
		return refusal{http.StatusNotFound, locale.BrowserSignInOff}
	}
	if refused := (*agent.Error)(nil); errors.As(err, &refused) && refused.Code != agent.CodeInternal {
		retryAfter(c, refused)
		return s.refuseWebAuth(c, refused, d)
	}
	if err != nil {
		return err
	}
	s.webTokens.use(v.Peer.Addr)
	if v.kind == rest {
		return doneREST(c, nil)
	}
	next := webAuthQuery(v.Peer, s.webTokens.add(v.Peer.Addr, d.Origin), d.Origin)
	return c.Redirect(http.StatusSeeOther, webAuthPath+"?"+next.Encode())
}

// refuseWebAuth answers a refused sign-in. The vendor's scripts expect 403 for a wrong login or password.
func (s *Site) refuseWebAuth(c echo.Context, refused *agent.Error, d templates.WebAuthData) error {
	v, status := who(c), statusOf(refused.Code)
	if status == http.StatusUnauthorized {
		status = http.StatusForbidden
	}
	d.Error = v.L.Refusal(refused)
	if refused.MayChange {
		d.Error, d.Change = v.L.T(locale.BrowserChange), true
	}
	if v.kind == rest {
		return c.JSON(status, restError{Code: string(refused.Code), Message: d.Error})
	}
	return s.webAuthForm(c, status, d)
}

// webAuthDevice identifies the browser for the throttle. It is empty if the request has no cookies: the browser may store none.
func webAuthDevice(c echo.Context) string {
	if len(c.Cookies()) == 0 {
		return ""
	}
	return browserDevice(c)
}

// webAuthLogout ends the session of kind web at the peer's address.
func (s *Site) webAuthLogout(c echo.Context) error {
	v := who(c)
	body, err := readWebAuth(c)
	if err != nil {
		return err
	}
	if _, live := s.webTokens.find(v.Peer.Addr, body.Token); !live {
		return refusal{http.StatusForbidden, locale.FormExpired}
	}
	s.webTokens.use(v.Peer.Addr)
	if err := s.Sessions.LogoutAddress(c.Request().Context(), v.Peer); err != nil && !errors.Is(err, agent.ErrNotFound) {
		return err
	}
	if v.kind == rest {
		return doneREST(c, nil)
	}
	return done(c, locale.ToastAccessClosed, webAuthPath)
}
