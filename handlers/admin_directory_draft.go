package handlers

import (
	"fmt"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
)

const (
	draftLife = 15 * time.Minute // how long a password is kept
	maxDrafts = 64
)

// drafts keeps typed passwords of search accounts between a test of a form and its saving, because no page contains a password.
// The page has a token instead. The zero value is ready.
type drafts struct {
	mu  sync.Mutex
	all map[string]draft // by token; guarded by mu
}

type draft struct {
	browser  string // ID of the browser session in which the password was typed
	server   string // where it may be sent
	password string
	until    time.Time
}

// keep stores a typed password and returns its token. If none was typed, it sets the password that belongs to the token, for the
// same browser, account and server only.
func (k *drafts) keep(c echo.Context, token string, d *agent.DirectorySettings) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	now, browser, server := time.Now(), who(c).Browser.ID, serverOf(*d)
	for token, one := range k.all {
		if now.After(one.until) {
			delete(k.all, token)
		}
	}
	if d.Password == "" {
		one, ok := k.all[token]
		if !ok || one.browser != browser || one.server != server {
			return ""
		}
		d.Password = one.password
		return token
	}
	if len(k.all) >= maxDrafts {
		return ""
	}
	if k.all == nil {
		k.all = map[string]draft{}
	}
	token = randomToken()
	k.all[token] = draft{browser, server, d.Password, now.Add(draftLife)}
	return token
}

// drop forgets a password that has been saved.
func (k *drafts) drop(token string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.all, token)
}

// serverOf identifies the account and the servers that its password is sent to.
func serverOf(d agent.DirectorySettings) string {
	return fmt.Sprintf("%q %q %q %q %q", d.Name, d.User, d.DNS, d.Controllers, d.TLSName)
}
