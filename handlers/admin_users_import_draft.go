package handlers

import (
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent/accountcsv"
)

const (
	importLife = 15 * time.Minute // how long a file is kept
	maxImports = 4
)

// imports keeps imported files between their preview and the confirmation. They hold passwords, which no page may contain, so the page has
// a token. The zero value is ready.
type imports struct {
	mu  sync.Mutex
	all map[string]importDraft // by token; guarded by mu
}

type importDraft struct {
	browser string // ID of the browser session that sent the file
	name    string // of the file
	file    accountcsv.File
	plan    accountcsv.Plan // as shown
	until   time.Time
}

// keep stores a file and returns its token. It replaces the file that the browser sent before. It returns an empty token if too many
// are kept.
func (k *imports) keep(c echo.Context, name string, file accountcsv.File, plan accountcsv.Plan) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	now, browser := time.Now(), who(c).Browser.ID
	for token, one := range k.all {
		if now.After(one.until) || one.browser == browser {
			delete(k.all, token)
		}
	}
	if len(k.all) >= maxImports {
		return ""
	}
	if k.all == nil {
		k.all = map[string]importDraft{}
	}
	token := randomToken()
	k.all[token] = importDraft{browser, name, file, plan, now.Add(importLife)}
	time.AfterFunc(importLife, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.all, token)
	})
	return token
}

// take removes a file and returns it. It reports false if it is not kept, or not for this browser.
func (k *imports) take(c echo.Context, token string) (importDraft, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	one, ok := k.all[token]
	if !ok || one.browser != who(c).Browser.ID || time.Now().After(one.until) {
		return importDraft{}, false
	}
	delete(k.all, token)
	return one, true
}
