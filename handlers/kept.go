package handlers

import (
	"sync"
	"time"

	"github.com/labstack/echo/v4"
)

// keptLife is how long a value is kept.
const keptLife = 15 * time.Minute

// kept keeps values with passwords between two requests of a browser session, because no page contains a password. The page has a
// token instead. The zero value is ready.
type kept[T any] struct {
	mu  sync.Mutex
	all map[string]keptValue[T] // by token; guarded by mu
}

type keptValue[T any] struct {
	browser string // ID of the browser session
	value   T
}

// add keeps a value and returns its token, which is empty if most values are kept already.
func (k *kept[T]) add(c echo.Context, most int, value T) (token string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.all) >= most {
		return ""
	}
	if k.all == nil {
		k.all = map[string]keptValue[T]{}
	}
	token = randomToken()
	k.all[token] = keptValue[T]{who(c).Browser.ID, value}
	time.AfterFunc(keptLife, func() { k.drop(token) })
	return token
}

// get returns a value. It reports false if it is not kept, or not for this browser session.
func (k *kept[T]) get(c echo.Context, token string) (value T, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.find(c, token)
}

// take is get, and forgets the value.
func (k *kept[T]) take(c echo.Context, token string) (value T, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if value, ok = k.find(c, token); ok {
		delete(k.all, token)
	}
	return value, ok
}

// find is get for callers that hold mu.
func (k *kept[T]) find(c echo.Context, token string) (value T, ok bool) {
	one, ok := k.all[token]
	if !ok || one.browser != who(c).Browser.ID {
		return value, false
	}
	return one.value, true
}

// drop forgets a value.
func (k *kept[T]) drop(token string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.all, token)
}

// dropOwn forgets all values of this browser session.
func (k *kept[T]) dropOwn(c echo.Context) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for token, one := range k.all {
		if one.browser == who(c).Browser.ID {
			delete(k.all, token)
		}
	}
}
