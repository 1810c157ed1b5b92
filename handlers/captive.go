package handlers

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// signInPath is the gateway's own page on port 80 to which probes are redirected.
const signInPath = "/sign-in"

// probePaths are requested by operating systems and browsers over plain HTTP to find out whether they must sign in. They are
// redirected: Android does not take an error status for a captive portal.
var probePaths = []string{
	"/generate_204", "/gen_204", // Android, ChromeOS
	"/hotspot-detect.html", "/library/test/success.html", // Apple
	"/connecttest.txt", "/ncsi.txt", "/redirect", // Windows
	"/success.txt", "/canonical.html", // Firefox
}

// onlineAnswers are the answers by which Windows sees that it is online, by host and path.
var onlineAnswers = map[string]string{
	"www.msftconnecttest.com/connecttest.txt":  "Microsoft Connect Test",
	"ipv6.msftconnecttest.com/connecttest.txt": "Microsoft Connect Test",
	"www.msftncsi.com/ncsi.txt":                "Microsoft NCSI",
	"ipv6.msftncsi.com/ncsi.txt":               "Microsoft NCSI",
}

// answerBlocked answers a request of a LAN host that the firewall blocks, for any name and path.
func (s *Site) answerBlocked(c echo.Context) error {
	r, peer := c.Request(), who(c).Peer
	isRead := safe(r.Method)
	if !s.signsInByBrowser(peer) {
		// Without this answer, Windows opens a browser on every computer that starts before its agent has logged in.
		if text, ok := onlineAnswers[hostOf(r)+r.URL.Path]; ok && isRead {
			return c.String(http.StatusOK, text)
		}
		return s.renderWelcome(c, http.StatusNetworkAuthenticationRequired, templates.WelcomeData{})
	}
	toGateway := s.Addressing.Known(hostOf(r))
	switch {
	case toGateway && r.URL.Path == signInPath && isRead:
		return s.leadToSignIn(c)
	case slices.Contains(probePaths, r.URL.Path) && isRead:
		return c.Redirect(http.StatusFound, localSignInURL(r))
	}
	query := url.Values{"user_ip": {peer.String()}}
	if peer.Addr.Is6() { // the portal may be reachable only over IPv4
		query.Set("user_ip", "")
	}
	if origin := requestedURL(r); origin != "" && isRead && !toGateway {
		query.Set("origin", origin)
	}
	return s.renderWelcome(c, http.StatusNetworkAuthenticationRequired, templates.WelcomeData{SignInQuery: query.Encode()})
}

// leadToSignIn leads a LAN host from plain HTTP to browser sign-in. A phone may show the page in a window that accepts no untrusted
// certificate, so leadToSignIn redirects only if the portal's certificate is publicly trusted.
func (s *Site) leadToSignIn(c echo.Context) error {
	if s.PubliclyTrusted() {
		return c.Redirect(http.StatusFound, s.portalURL(c)+strings.TrimPrefix(webAuthPath, "/"))
	}
	return s.renderWelcome(c, http.StatusOK, templates.WelcomeData{SignInByHand: true})
}

// portalURL returns the URL of the portal for the peer of a request; "" = not known.
func (s *Site) portalURL(c echo.Context) string {
	arrival, _ := localAddress(c.Request().Context())
	return s.Portal(arrival)
}

// localSignInURL returns the URL of signInPath at the address that the connection came to.
func localSignInURL(r *http.Request) string {
	own := url.URL{Scheme: "http", Path: signInPath}
	if local, ok := localAddrPort(r.Context()); ok {
		own.Host = strings.TrimSuffix(local.String(), ":80")
	}
	return own.String()
}

// requestedURL returns the URL of the page that a blocked host requested, checked by cleanOrigin.
func requestedURL(r *http.Request) string {
	if r.URL.IsAbs() {
		return cleanOrigin(r.URL.String())
	}
	return cleanOrigin("http://" + r.Host + r.RequestURI)
}

// captiveState is an answer of the Captive Portal API, RFC 8908.
type captiveState struct {
	Captive   bool   `json:"captive"`
	Portal    string `json:"user-portal-url"`
	Seconds   int64  `json:"seconds-remaining,omitempty"`
	CanExtend bool   `json:"can-extend-session"`
}

// captiveAPI tells a LAN host whether it must sign in, and where. Hosts use it only under a certificate that they trust.
func (s *Site) captiveAPI(c echo.Context) error {
	peer, portal := who(c).Peer, s.portalURL(c)
	if !s.PubliclyTrusted() || !s.signsInByBrowser(peer) || portal == "" {
		return refusal{http.StatusNotFound, locale.NotFound}
	}
	state := captiveState{Captive: s.isBlocked(peer) && !s.Sessions.JoinSession(c.Request().Context(), peer), Portal: portal + strings.TrimPrefix(webAuthPath, "/")}
	if session, ok := s.connectedSession(peer); ok {
		state.CanExtend = session.Kind == agent.KindWeb
		if !session.Expires.IsZero() {
			state.Seconds = int64(time.Until(session.Expires).Seconds())
		}
	}
	answer, err := json.Marshal(state)
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, "application/captive+json", answer)
}
