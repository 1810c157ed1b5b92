package handlers

import (
	"context"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/agent/protocol"
)

// changePassword answers change_password. It needs no session; a session of the connection goes on.
func (a *agentConn) changePassword(m *protocol.ChangePassword) error {
	if !a.site.Settings.Current().Enabled {
		return a.refuse(agent.Refuse(agent.CodeAgentDisabled))
	}
	ctx, cancel := context.WithTimeout(context.Background(), authorizeTimeout)
	defer cancel()
	s := access.SignIn{Login: m.Login, Password: m.Password, Peer: a.peerNow()}
	if m.Device != nil {
		s.DeviceID = m.Device.ID
	}
	u, err := a.site.changeOwnPassword(ctx, access.PasswordChange{SignIn: s, NewPassword: m.NewPassword}, agent.ActByAgent, "")
	if err != nil {
		state := a.refusal(err)
		state.Authorized = a.session != ""
		return a.send(state)
	}
	text := "password_changed"
	if !u.Local() {
		text = "password_changed_directory"
	}
	return a.send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: a.session != "", Code: protocol.PasswordChanged, Message: a.l.T(text)})
}

// warnPassword tells the person that the password expires soon.
func (a *agentConn) warnPassword(ctx context.Context, grant access.Grant) error {
	text := a.l.PasswordExpiring(grant.PasswordExpires, time.Now(), a.site.changesPasswords(ctx, grant.Session.Directory))
	if text == "" {
		return nil
	}
	return a.send(protocol.Notice{Type: protocol.TypeNotice, Code: protocol.NoticePasswordExpiring, Message: text,
		Expires: rfc3339(grant.PasswordExpires)})
}
