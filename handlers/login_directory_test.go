package handlers

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/agent/store"
	"ideco-agent/templates/locale"
)

// refusingDirectory refuses every login with a code after a right password. With CodeDirectoryUnreachable it does not answer.
type refusingDirectory struct{ code agent.Code }

func (d refusingDirectory) Find(context.Context, string) (agent.Account, error) {
	if d.code == agent.CodeDirectoryUnreachable {
		return agent.Account{}, &agent.Error{Code: d.code, Domain: "company.local"}
	}
	return agent.Account{Key: "company.local/" + string(d.code), Known: true, Authenticate: func(context.Context, agent.Credentials) (agent.User, error) {
		return agent.User{}, agent.Refuse(d.code)
	}}, nil
}

func (refusingDirectory) Knows(context.Context, string) (agent.UserID, bool, error) {
	return 0, false, nil
}

func (d refusingDirectory) VerifyTicket(context.Context, []byte) (agent.User, error) {
	return agent.User{}, agent.Refuse(d.code)
}

// TestDirectoryRefusals: the login page says why the directory refuses, and which one does not answer.
func TestDirectoryRefusals(t *testing.T) {
	t.Parallel() // it waits
	a := newAdministration(t)
	for code, status := range map[agent.Code]int{agent.CodeDirectoryUnreachable: http.StatusServiceUnavailable, agent.CodeAccountDisabled: 403, agent.CodeAccountLocked: 403,
		agent.CodeAccountExpired: 403, agent.CodePasswordExpired: 403, agent.CodePasswordMustChange: 403, agent.CodeNotPermitted: 403,
		agent.CodeLogonRestricted: 403, agent.CodeSmartcardRequired: 403} {
		a.site.Gate = access.NewGate(refusingDirectory{code}, a.site.AgentHosts.(*store.Store), a.site.Log)
		stranger := administration{t, a.site, a.gate, a.h, nil}
		page := stranger.post("/login", url.Values{"login": {"petrova"}, "password": {"right"}})
		text := locale.For("ru").Refusal(&agent.Error{Code: code, Domain: "company.local"})
		if page.Code != status || !says(t, page.Body.String(), ".banner", text) {
			t.Errorf("%s: %d", code, page.Code)
		}
	}
	if text := locale.For("ru").Refusal(&agent.Error{Code: agent.CodeDirectoryUnreachable, Domain: "company.local"}); text != "Домен company.local сейчас не отвечает. Попробуйте через минуту; если не поможет, сообщите администратору." {
		t.Error(text)
	}
}
