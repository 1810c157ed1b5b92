package handlers

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
)

// health answers 200 if all parts run, for load balancers and monitoring. It needs no login, so a fault is logged when it is
// new and then at most once a minute.
func (s *Site) health(c echo.Context) error {
	if err := s.Health(c.Request().Context()); err != nil {
		reason := ""
		if e := agent.AsError(err); e.Trouble != "" {
			reason = fmt.Sprintf(" (%s: %s)", e.Code, e.Trouble)
		}
		if !cutOff(c) && s.healthFaults.due(err.Error(), time.Now()) {
			s.Log.Error("health", "error", err)
		}
		return c.String(http.StatusServiceUnavailable, "not healthy"+reason+": see the log\n")
	}
	return c.String(http.StatusOK, "ok\n")
}

// repeatFilter drops repeated log lines that anybody can cause. The zero value is ready.
type repeatFilter struct {
	mu   sync.Mutex // guards the fields below
	text string
	at   time.Time
}

// due reports whether text is new, or was last logged a minute ago.
func (l *repeatFilter) due(text string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if text == l.text && now.Sub(l.at) < time.Minute {
		return false
	}
	l.text, l.at = text, now
	return true
}
