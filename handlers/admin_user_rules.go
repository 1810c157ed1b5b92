package handlers

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

func (s *Site) adminUserRuleAdd(c echo.Context, u agent.User) error {
	form := templates.RuleForm{Address: c.FormValue("rule_ip"), MAC: c.FormValue("rule_mac"), Always: c.FormValue("rule_always") == "1",
		Comment: c.FormValue("rule_comment")}
	comment := agent.Clean(form.Comment, len(form.Comment)) // not shortened: a long one is refused
	r := agent.AuthRule{Enabled: true, UserID: u.ID, Always: form.Always, Comment: comment}
	var wrongAddress, wrongMAC agent.Problem
	r.Address, wrongAddress = agent.ParseRuleAddress(form.Address)
	r.MAC, wrongMAC = agent.ParseRuleMAC(form.MAC)
	problems := problemsOf(wrongAddress, wrongMAC)
	_, err := s.addRule(c, r, problems)
	if errors.As(err, &problems) {
		d, err := s.userData(c, u, templates.NewUserForm(u))
		if err != nil {
			return err
		}
		d.RuleForm, d.RuleErrors = form, fieldTexts(who(c).L, problems)
		return s.render(c, http.StatusBadRequest, templates.AdminUser(s.page(c), d))
	}
	if err != nil {
		return err
	}
	return done(c, locale.ToastRuleAdded, rulesPath(c))
}

func (s *Site) adminUserRuleState(c echo.Context, u agent.User, r templates.UserRule) error {
	on, toast := c.FormValue("enabled") == "1", locale.ToastRuleOff
	if on {
		toast = locale.ToastRuleOn
	}
	_, err := s.changeRule(c, r.ID, func(r *agent.AuthRule) error {
		r.Enabled = on
		return nil
	})
	if err != nil {
		return err
	}
	return done(c, toast, rulesPath(c))
}

func (s *Site) adminUserRuleDelete(c echo.Context, u agent.User, r templates.UserRule) error {
	if c.FormValue("confirm") != "1" {
		return s.askUser(c, templates.ConfirmRuleDelete(who(c).L, u, r))
	}
	if err := s.deleteRule(c, r.ID); err != nil {
		return err
	}
	return done(c, locale.ToastRuleDeleted, rulesPath(c))
}

func rulesPath(c echo.Context) string { return ownPath(c) + "#rules" }

// userRule loads the account and its rule in the path and passes them to action.
func (s *Site) userRule(action func(echo.Context, agent.User, templates.UserRule) error) echo.HandlerFunc {
	return s.account(func(c echo.Context, u agent.User) error {
		rules, err := s.userRules(c.Request().Context(), u)
		if err != nil {
			return err
		}
		for _, r := range rules {
			if idText(r.ID) == c.Param("rule") {
				return action(c, u, r)
			}
		}
		return agent.ErrNotFound
	})
}

// userRules returns the rules of an account and what they do now.
func (s *Site) userRules(ctx context.Context, u agent.User) (list []templates.UserRule, err error) {
	rules, err := s.AuthRules.AuthRules(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range rules {
		if r.UserID == u.ID {
			list = append(list, templates.UserRule{AuthRule: r})
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	live := s.Sessions.Sessions()
	for i := range list {
		setRuleState(&list[i], u, live)
	}
	return list, nil
}

// setRuleState sets what a rule of account u does now.
func setRuleState(r *templates.UserRule, u agent.User, live []agent.LiveSession) {
	switch {
	case !r.Enabled:
		r.State = templates.RuleOff
		return
	case u.Refusal() != "":
		r.State = templates.RuleRefused
		return
	}
	r.State = templates.RuleWaiting
	for _, l := range live {
		byRule := l.Kind == agent.KindStatic && l.UserID == u.ID
		switch {
		case l.Kind == agent.KindVPN: // its address is not in the LAN
		case byRule && (l.Address == r.Address || !r.Address.IsValid() && l.MACStored == r.MAC):
			r.State, r.Access = templates.RuleOpen, append(r.Access, l.Address)
		case byRule, l.Address != r.Address && !slices.Contains(l.FurtherAddresses, r.Address):
		case l.UserID == u.ID:
			r.State = templates.RuleAgent
		default:
			r.State, r.Holder = templates.RuleBusy, l.Login
		}
	}
}
