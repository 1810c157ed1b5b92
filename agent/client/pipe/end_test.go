package pipe

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/session"
)

func TestEnd(t *testing.T) {
	for _, c := range []struct {
		name  string
		who   Caller
		taken bool
		want  EndResult
	}{
		{"an administrator", administrator, true, Ended},
		{"an administrator, no access", administrator, false, NoAccess},
		{"another user", petrov, true, NotPermitted},
		{"another user, no access", petrov, false, NoAccess},
		{"the owner", ivanov, true, Ended},
	} {
		s := newService(t, &fakeManager{})
		a := s.open(ivanov)
		if c.taken {
			a.Login("ivanov", "right")
			a.waitFor(client.Authorized, session.You)
		}
		got, err := End(context.Background(), RemoteConfig{Lang: locale.English,
			Dial: func(context.Context) (net.Conn, error) { return s.connect(c.who), nil }})
		if got != c.want || err != nil {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
		if still := s.manager.Status().Busy(); still != (c.taken && c.want != Ended) {
			t.Errorf("%s: access afterwards: %v", c.name, still)
		}
		if taken := strings.Contains(s.logText(), locale.AccessEnded); taken != (c.who == administrator && c.taken) {
			t.Errorf("%s: log\n%s", c.name, s.logText())
		}
	}
}

func TestEndWithoutService(t *testing.T) {
	why := errors.New("not there")
	if _, err := End(context.Background(), RemoteConfig{Dial: func(context.Context) (net.Conn, error) { return nil, why }}); !errors.Is(err, why) {
		t.Error(err)
	}
	_, err := End(context.Background(), RemoteConfig{Dial: func(context.Context) (net.Conn, error) {
		window, service := net.Pipe()
		service.Close()
		return window, nil
	}})
	if err == nil {
		t.Error("no error after the connection was closed")
	}
}
