package handlers

import (
	"context"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
)

// AgentHosts remembers by which of the gateway's names and addresses (hosts) installed agents connect.
type AgentHosts interface {
	AgentConnected(ctx context.Context, user agent.UserID, deviceID, host string, at time.Time) error
	// AgentsByHost counts the agents that have connected since a time, by the host that each used last.
	AgentsByHost(ctx context.Context, since time.Time) (map[string]int, error)
	// AnyAgentConnected reports whether an agent has ever connected on a device that is still remembered.
	AnyAgentConnected(context.Context) (bool, error)
}

// agentsCountedFor is how long an agent counts after it has connected. People are away for weeks.
const agentsCountedFor = 30 * 24 * time.Hour

func (s *Site) agentsByHost(c echo.Context) (map[string]int, error) {
	return s.AgentHosts.AgentsByHost(c.Request().Context(), time.Now().Add(-agentsCountedFor))
}

// noteHost stores the host by which the agent has connected. If that fails, only the counts on the page are wrong.
func (a *agentConn) noteHost(ctx context.Context, s agent.Session) {
	if err := a.site.AgentHosts.AgentConnected(ctx, s.UserID, s.Device.ID, a.host, time.Now()); err != nil {
		a.site.Log.WarnContext(ctx, "the host of an agent was not stored", "session", s.ID, "error", err)
	}
}
