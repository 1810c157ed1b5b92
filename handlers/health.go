package handlers

import (
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
)

// health answers 200 when all parts run, for load balancers and monitoring. Anybody may ask, so the log gets a fault when it
// is new and once a minute.
func (s *Site) health(c echo.Context) error {
	if err := s.Health(c.Request().Context()); err != nil {
		if !cutOff(c) && s.faults.due(err.Error(), time.Now()) {
			s.Log.Error("health", "error", err)
		}
		return c.String(http.StatusServiceUnavailable, "not healthy: see the log\n")
	}
	return c.String(http.StatusOK, "ok\n")
}

// lastLine is the last line of the log about something that others can repeat. The zero value is ready.
type lastLine struct {
	mu   sync.Mutex // guards the fields below
	text string
	at   time.Time
}

// due tells whether a line says something new or is the first for a minute.
func (l *lastLine) due(text string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if text == l.text && now.Sub(l.at) < time.Minute {
		return false
	}
	l.text, l.at = text, now
	return true
}
