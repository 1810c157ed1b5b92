package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

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

// browserStore implements sessions.Store over Browsers. The cookie holds a random token, the store its digest.
type browserStore struct{ browsers Browsers }

// recordKey is the key in sessions.Session.Values of its agent.BrowserSession.
const recordKey = "record"

func (b browserStore) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(b, name)
}

// New returns the session of the request's cookie, or a new one if it is unknown or expired.
func (b browserStore) New(r *http.Request, name string) (*sessions.Session, error) {
	session := sessions.NewSession(b, name)
	session.IsNew = true
	session.Options = &sessions.Options{Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	cookie, err := r.Cookie(name)
	if err != nil {
		return session, nil
	}
	record, err := b.browsers.BrowserSession(r.Context(), digest(cookie.Value))
	if errors.Is(err, agent.ErrNotFound) {
		return session, nil
	}
	if err != nil {
		return session, fmt.Errorf("find the browser's session: %w", err)
	}
	now := time.Now()
	if now.After(record.Expires) || now.Sub(record.LastSeen) > browserIdle {
		return session, b.browsers.EndBrowserSession(r.Context(), record.ID)
	}
	session.IsNew, session.ID = false, record.ID
	session.Values[recordKey] = record
	return session, nil
}

// Save stores a new session under a fresh token. With MaxAge < 0 it ends the session.
func (b browserStore) Save(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	if session.Options.MaxAge < 0 {
		http.SetCookie(w, sessions.NewCookie(session.Name(), "", session.Options))
		return b.browsers.EndBrowserSession(r.Context(), session.ID)
	}
	record, ok := session.Values[recordKey].(agent.BrowserSession)
	if !ok {
		return errors.New("browser session without a record")
	}
	if session.IsNew {
		token := randomToken()
		record.ID = digest(token)
		session.ID, session.IsNew, session.Values[recordKey] = record.ID, false, record
		http.SetCookie(w, sessions.NewCookie(session.Name(), token, session.Options))
	}
	return b.browsers.SaveBrowserSession(r.Context(), record)
}

func digest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// currentBrowser returns the session of the request's cookie, or agent.ErrNotFound.
func (s *Site) currentBrowser(r *http.Request) (agent.BrowserSession, error) {
	session, err := browserStore{s.Browsers}.Get(r, browserCookie)
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
	session.Options = &sessions.Options{Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	session.Values[recordKey] = agent.BrowserSession{
		UserID:    u.ID,
		Created:   now,
		LastSeen:  now,
		Expires:   now.Add(browserLife),
		Address:   who(c).Peer.Addr,
		UserAgent: agent.Clean(r.UserAgent(), 200),
	}
	return session.Save(r, c.Response())
}

// signOutBrowser ends the browser's session if it has one.
func (s *Site) signOutBrowser(c echo.Context) error {
	session, err := browserStore{s.Browsers}.Get(c.Request(), browserCookie)
	if err != nil || session.IsNew {
		return err
	}
	session.Options.MaxAge = -1
	return session.Save(c.Request(), c.Response())
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
// as a token, so a stranger cannot pretend to be a known browser.
func browserDevice(c echo.Context) string {
	id := cookieValue(c, deviceCookie)
	if len(id) != len(randomToken()) {
		id = randomToken()
		c.SetCookie(&http.Cookie{Name: deviceCookie, Value: id, Path: "/", MaxAge: 400 * 24 * 3600, Secure: true,
			HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
	return "browser-" + digest(id)[:32] // do not store or log the cookie itself
}
