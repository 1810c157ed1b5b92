package handlers

import (
	"errors"
	"strconv"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// errTrialOver: the confirmation is for a choice that is no longer on trial.
var errTrialOver = errors.New("this choice is not on trial any more")

// trialName identifies a trial, so that nobody confirms a choice that somebody else has replaced.
func trialName(s agent.Settings) string { return strconv.FormatInt(s.Trial.Until.UnixMilli(), 36) }

// adminGatewayKeep confirms the choice on trial.
func (s *Site) adminGatewayKeep(c echo.Context) error {
	return s.endTrial(c, (*agent.Settings).ConfirmGateway, agent.ActGatewayKept, locale.ToastGatewayKept)
}

// adminGatewayRevert reverts the choice before its time is over.
func (s *Site) adminGatewayRevert(c echo.Context) error {
	return s.endTrial(c, (*agent.Settings).RevertGateway, agent.ActGatewayReturned, locale.ToastGatewayReturned)
}

func (s *Site) endTrial(c echo.Context, end func(*agent.Settings), code agent.ActCode, toast string) error {
	err := s.changeSettings(c, code, func(n *agent.Settings) error {
		if !n.OnTrial() || c.FormValue("trial") != trialName(*n) {
			return errTrialOver
		}
		end(n)
		return nil
	})
	if errors.Is(err, errTrialOver) {
		return done(c, locale.ToastTrialOver, "/admin/gateway") // the page shows what is in force
	}
	if err != nil {
		return err
	}
	return done(c, toast, "/admin/gateway")
}
