package pipe

import (
	"bufio"
	"context"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/session"
	"ideco-agent/agent/client/settings"
)

// A change of the password reaches the manager, with the longest passwords, unless another person has access.
func TestChangePassword(t *testing.T) {
	m := &fakeManager{}
	s := newService(t, m)
	a, b := s.open(ivanov), s.open(petrov)
	a.waitUntil("the service", func(v session.Status) bool { return v.ChangesPasswords })
	old, long := strings.Repeat("\x01", 2*agent.MaxPassword), strings.Repeat("ж", 2*agent.MaxPassword)
	a.ChangePassword("ivanov", old, long)
	s.waitUntil(func() bool { m.mu.Lock(); defer m.mu.Unlock(); return len(m.changed) == 1 })
	want := session.Request{Gateway: settings.Gateway{Host: "gw.ru", Port: 14765}, Login: "ivanov", Password: old, NewPassword: long, Lang: locale.English}
	if !reflect.DeepEqual(m.changed[0], want) {
		t.Errorf("%+v", m.changed[0])
	}
	m.show(client.Status{State: client.Authorized, Login: "ivanov", PasswordChanges: 1,
		Notices: []client.Notice{{Code: client.NoticePasswordChanged, Message: "Changed."}}})
	a.waitUntil("the result", func(v session.Status) bool {
		return v.Holder == session.You && v.PasswordChanges == 1 && len(v.Notices) == 1
	})
	if v := b.waitFor(session.Idle, session.Other); v.PasswordChanges != 1 || !v.ChangesPasswords || len(v.Notices) != 0 {
		t.Errorf("another person sees %+v", v)
	}
	b.ChangePassword("ivanov", "x", "y")
	b.waitRefused(session.Busy)
	if len(m.changed) != 1 {
		t.Errorf("%+v", m.changed)
	}
	if log := s.logText(); !strings.Contains(log, "change_password by "+ivanov.User) || strings.Contains(log, "жж") || strings.Contains(log, "\x01") {
		t.Errorf("log:\n%.2000s", log)
	}
}

// A service of an older version gets no request that it would ignore. The window says why.
func TestOlderServiceChangesNoPassword(t *testing.T) {
	lines := make(chan string, 16)
	w := newWindow(t, func() string { return "" }, RemoteConfig{Lang: locale.English, Dial: func(context.Context) (net.Conn, error) {
		window, service := net.Pipe()
		go func() {
			in := bufio.NewScanner(service)
			for in.Scan() {
				if strings.Contains(in.Text(), `"hello"`) {
					_, _ = io.WriteString(service, `{"type":"status","status":{"state":"authorized","login":"ivanov","notices":null},"control":"yours"}`+"\n")
				}
				lines <- in.Text()
			}
		}()
		return window, nil
	}})
	w.waitFor(client.Authorized, session.You)
	w.ChangePassword("ivanov", "old", "new")
	w.waitRefused(session.OldService)
	w.Logout()
	if hello, next := <-lines, <-lines; !strings.Contains(hello, `"hello"`) || next != `{"type":"logout"}` {
		t.Errorf("%s %s", hello, next)
	}
}

// Without a service nothing is kept for later: the person would not expect the change any more.
func TestNoServiceChangesNoPassword(t *testing.T) {
	w := newWindow(t, func() string { return "" }, RemoteConfig{Lang: locale.English,
		Dial: func(context.Context) (net.Conn, error) { return nil, io.ErrUnexpectedEOF }})
	w.waitRefused(session.ServiceStopped)
	w.ChangePassword("ivanov", "old", "new")
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) != 0 {
		t.Errorf("%d requests wait", len(w.queue))
	}
}
