package handlers

import (
	"errors"
	"strconv"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// errTrialOver says that a confirmation came for a choice that is not on trial any more.
var errTrialOver = errors.New("this choice is not on trial any more")

// trialName tells one trial from another, so that nobody confirms what somebody else has chosen since.
func trialName(s agent.Settings) string { return strconv.FormatInt(s.Trial.Until.UnixMilli(), 36) }

// adminGatewayKeep confirms the choice in force.
func (s *Site) adminGatewayKeep(c echo.Context) error {
	return s.endTrial(c, (*agent.Settings).KeepGateway, "gateway_kept", locale.ToastGatewayKept)
}

// adminGatewayReturn takes it back before its time.
func (s *Site) adminGatewayReturn(c echo.Context) error {
	return s.endTrial(c, (*agent.Settings).ReturnGateway, "gateway_returned", locale.ToastGatewayReturned)
}

func (s *Site) endTrial(c echo.Context, end func(*agent.Settings), event, toast string) error {
	err := s.Settings.Update(c.Request().Context(), func(n *agent.Settings) error {
		if !n.OnTrial() || c.FormValue("trial") != trialName(*n) {
			return errTrialOver
		}
		end(n)
		return nil
	})
	if errors.Is(err, errTrialOver) {
		return done(c, locale.ToastTrialOver, "/admin/gateway") // the page says what is in force
	}
	if err != nil {
		return err
	}
	s.securityEvent(c, event)
	return done(c, toast, "/admin/gateway")
}
