package pipe

import (
	"strings"
	"testing"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/session"
)

// The format of these lines must not change: during an update window and service have different versions.
func TestLines(t *testing.T) {
	s := session.Status{Status: client.Status{State: client.TunnelUp, Mode: client.ModeVPN, Address: "10.128.0.7", Server: "gw.ru", Login: "i"},
		Holder: session.Other, CanEnd: true, Problem: &session.Problem{Code: session.Busy, Message: "m"}}
	const access = `{"state":"tunnel","mode":"vpn","address":"10.128.0.7","expires":"","code":"","message":"","server":"gw.ru","login":"i","notices":null}`
	const want = `{"type":"status","status":` + access + `,"control":"other","can_end":true,"problem":{"code":"busy","message":"m"}}` + "\n"
	if got := string(statusLine(s)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	s.Notices = []client.Notice{{Code: "long", Message: strings.Repeat("x", maxAnswer)}}
	if got := string(statusLine(s)); got != want {
		t.Errorf("with a notice that does not fit: %.500s", got)
	}
	s.ChangesPasswords, s.PasswordChanges, s.MayChangePassword, s.Notices = true, 2, true, nil
	const changes = `"notices":null,"may_change_password":true,"password_changes":2},"control":"other","can_end":true,"changes_passwords":true,"problem":`
	if got := string(statusLine(s)); !strings.Contains(got, changes) {
		t.Errorf("%s, want %s", got, changes)
	}
	change := request{Type: typeChange, Login: "i", Password: "o", NewPassword: "n"}
	if got := string(encodeLine(change)); got != `{"type":"change_password","login":"i","password":"o","new_password":"n"}`+"\n" {
		t.Error(got)
	}
	if got := string(encodeLine(refusal{typeRefused, *s.Problem})); got != `{"type":"refused","code":"busy","message":"m"}`+"\n" {
		t.Error(got)
	}
}

// The format of the lines about tickets must not change either.
func TestTicketLines(t *testing.T) {
	for want, line := range map[string]any{
		`{"type":"hello","version":"1","lang":"ru","tickets":true}`: request{Type: typeHello, Version: "1", Lang: "ru", Tickets: true},
		`{"type":"login_sso","login":"i@X"}`:                        request{Type: typeLoginSSO, Login: "i@X"},
		`{"type":"ticket","id":7,"service":"HTTP/gw.ru"}`:           question{typeTicket, 7, "HTTP/gw.ru"},
		`{"type":"ticket","id":7,"token":"eA=="}`:                   request{Type: typeTicket, ID: 7, Token: []byte("x")},
		`{"type":"ticket","id":7,"code":"c","value":"v"}`:           request{Type: typeTicket, ID: 7, Code: "c", Value: "v"},
	} {
		if got := string(encodeLine(line)); got != want+"\n" {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
