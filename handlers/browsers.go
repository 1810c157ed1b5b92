package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/sessions"
	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
)

// Browsers stores which browsers are signed in to the portal. A browser session is not a session: it gives no access to the
// Internet.
type Browsers interface {
	SaveBrowserSession(context.Context, agent.BrowserSession) error
	BrowserSession(ctx context.Context, id string) (agent.BrowserSession, error)
	BrowserSessions(context.Context, agent.UserID) ([]agent.BrowserSession, error)
	TouchBrowserSession(ctx context.Context, id string, seen, expires time.Time) error
	EndBrowserSession(ctx context.Context, id string) error
	EndBrowserSessions(ctx context.Context, u agent.UserID, exceptID string) error
}

// How long a browser stays signed in.
const (
	browserLife  = 12 * time.Hour
	browserIdle  = 2 * time.Hour
	browserTouch = time.Minute // LastSeen is stored at most once in this time
)

const (
	browserCookie = "__Host-ideco"
	deviceCookie  = "__Host-ideco-device" // identifies a known browser for the throttle
)

// The vendor's cookies. The first holds a UUID that completes the name of the second, which holds the token of browserCookie. Logins by
// REST set them. Only vendorRoutes accept them, because other hosts of the domain can set cookies with these names.
const (
	vendorNameCookie   = "insecure-ideco-session"
	vendorCookiePrefix = "__Secure-ideco-"
)

// browserStore implements sessions.Store over Browsers. The cookie holds a random token, the store its digest.
type browserStore struct{ browsers Browsers }

// Keys in sessions.Session.Values.
const (
	recordKey = "record" // its agent.BrowserSession
	tokenKey  = "token"  // the token of a new session
)

func (b browserStore) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(b, name)
}

// New returns the session of the request's cookie, or a new one if it is unknown or expired.
func (b browserStore) New(r *http.Request, name string) (*sessions.Session, error) {
	session := sessions.NewSession(b, name)
	session.IsNew = true
	session.Options = browserOptions()
	cookie, err := r.Cookie(name)
	if err != nil {
		return session, nil
	}
	record, err := b.browsers.BrowserSession(r.Context(), digest(cookie.Value))
	if errors.Is(err, agent.ErrNotFound) {
		return session, nil
	}
	if err != nil {
		return session, fmt.Errorf("find the browser session: %w", err)
	}
	now := time.Now()
	if now.After(record.Expires) || now.Sub(record.LastSeen) > browserIdle {
		return session, b.browsers.EndBrowserSession(r.Context(), record.ID)
	}
	session.IsNew, session.ID = false, record.ID
	session.Values[recordKey] = record
	return session, nil
}

// Save stores a new session under a fresh token.
func (b browserStore) Save(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	record, ok := session.Values[recordKey].(agent.BrowserSession)
	if !ok {
		return errors.New("browser session without a record")
	}
	if session.IsNew {
		token := randomToken()
		record.ID = digest(token)
		session.ID, session.IsNew, session.Values[recordKey], session.Values[tokenKey] = record.ID, false, record, token
		http.SetCookie(w, sessions.NewCookie(session.Name(), token, session.Options))
	}
	return b.browsers.SaveBrowserSession(r.Context(), record)
}

func browserOptions() *sessions.Options {
	return &sessions.Options{Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

func digest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// browserSession returns the session of the request's cookie, or a new one. On vendorRoutes it falls back to the vendor's cookies.
func (s *Site) browserSession(c echo.Context) (*sessions.Session, error) {
	store, r := browserStore{s.Browsers}, c.Request()
	session, err := store.Get(r, browserCookie)
	if name := vendorCookie(r); err == nil && session.IsNew && name != "" && who(c).vendor {
		return store.Get(r, name)
	}
	return session, err
}

// currentBrowser returns the stored session of the request's cookie, or agent.ErrNotFound.
func (s *Site) currentBrowser(c echo.Context) (agent.BrowserSession, error) {
	session, err := s.browserSession(c)
	if err != nil {
		return agent.BrowserSession{}, err
	}
	record, ok := session.Values[recordKey].(agent.BrowserSession)
	if !ok {
		return agent.BrowserSession{}, agent.ErrNotFound
	}
	return record, nil
}

// signInBrowser signs the account in on this browser. It ends the browser's old session against session fixation.
func (s *Site) signInBrowser(c echo.Context, u agent.User) error {
	store, r, now := browserStore{s.Browsers}, c.Request(), time.Now()
	if err := s.signOutBrowser(c); err != nil {
		return err
	}
	session := sessions.NewSession(store, browserCookie)
	session.IsNew = true
	session.Options = browserOptions()
	session.Values[recordKey] = agent.BrowserSession{
		UserID:    u.ID,
		Created:   now,
		LastSeen:  now,
		Expires:   now.Add(browserLife),
		Address:   who(c).Peer.Addr,
		UserAgent: agent.Clean(r.UserAgent(), 200),
	}
	if err := session.Save(r, c.Response()); err != nil {
		return err
	}
	who(c).Browser, _ = session.Values[recordKey].(agent.BrowserSession)
	if token, ok := session.Values[tokenKey].(string); ok && isREST(c) {
		id := uuid.NewString()
		c.SetCookie(sessions.NewCookie(vendorNameCookie, id, session.Options))
		c.SetCookie(sessions.NewCookie(vendorCookiePrefix+id, token, session.Options))
	}
	return nil
}

// signOutBrowser ends the browser's session if it has one, and deletes its cookies. The vendor's cookies end theirs on all routes: their
// token must not stay valid after they are gone.
func (s *Site) signOutBrowser(c echo.Context) error {
	options := browserOptions()
	options.MaxAge = -1
	vendor := vendorCookie(c.Request())
	for _, name := range []string{browserCookie, vendorNameCookie, vendor} {
		token := cookieValue(c, name)
		if token == "" {
			continue
		}
		c.SetCookie(sessions.NewCookie(name, "", options))
		if name == vendorNameCookie {
			continue
		}
		if err := s.Browsers.EndBrowserSession(c.Request().Context(), digest(token)); err != nil {
			return err
		}
	}
	return nil
}

// vendorCookie returns the name of the vendor's cookie with the token, or "" without a valid vendorNameCookie.
func vendorCookie(r *http.Request) string {
	cookie, err := r.Cookie(vendorNameCookie)
	if err != nil || len(cookie.Value) != len(uuid.Nil.String()) || uuid.Validate(cookie.Value) != nil {
		return ""
	}
	return vendorCookiePrefix + cookie.Value
}

// touchBrowser updates LastSeen, so that a browser in use does not time out. Errors: agent.ErrNotFound if the session has
// ended.
func (s *Site) touchBrowser(ctx context.Context, record agent.BrowserSession, now time.Time) error {
	if now.Sub(record.LastSeen) < browserTouch {
		return nil
	}
	return s.Browsers.TouchBrowserSession(ctx, record.ID, now, record.Expires)
}

// browserDevice identifies this browser for the throttle, and sets the cookie if there is none. The id is as hard to guess
// as a token, so others cannot pretend to be a known browser.
func browserDevice(c echo.Context) string {
	id := cookieValue(c, deviceCookie)
	if len(id) != len(randomToken()) {
		id = randomToken()
		c.SetCookie(&http.Cookie{Name: deviceCookie, Value: id, Path: "/", MaxAge: 400 * 24 * 3600, Secure: true,
			HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
	return "browser-" + digest(id)[:32] // do not store or log the cookie itself
}
