package handlers

import (
	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

// state returns the conditions and, until the first agent has connected, the first steps.
func (s *Site) state(c echo.Context) (state templates.State, err error) {
	if state.Conditions, err = s.Conditions(c.Request().Context()); err != nil {
		return state, err
	}
	connected, err := s.anyAgentConnected(c)
	if err != nil || connected {
		return state, err
	}
	people, err := s.anyPeople(c)
	if err != nil {
		return state, err
	}
	now := s.Settings.Current()
	chosen := now.InterfacesChosen() && !now.OnTrial()
	state.Steps = templates.FirstSteps(map[string]bool{
		templates.StepAddress:    now.Enabled && now.Domain != "",
		templates.StepInterfaces: chosen,
		templates.StepDNS:        chosen && !agent.HasCondition(state.Conditions, agent.ConditionDNS),
		templates.StepPeople:     people,
	})
	return state, nil
}

// anyAgentConnected reports whether an agent is connected, or has ever connected on a device that is still remembered.
func (s *Site) anyAgentConnected(c echo.Context) (bool, error) {
	if live := s.Sessions.Counts(); live[agent.KindLAN]+live[agent.KindVPN] > 0 {
		return true, nil
	}
	return s.AgentHosts.AnyAgentConnected(c.Request().Context())
}

// anyPeople reports whether there is more than one account, or a directory: the first account is the administrator's own.
func (s *Site) anyPeople(c echo.Context) (bool, error) {
	directories, err := s.Directories.List(c.Request().Context())
	if err != nil || len(directories) > 0 {
		return len(directories) > 0, err
	}
	_, total, err := s.Accounts.Users(c.Request().Context(), agent.UserFilter{}, 0, 1)
	return total > 1, err
}
