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
		{"an administrator", boss, true, Ended},
		{"an administrator, in vain", boss, false, NoAccess},
		{"anybody", petrov, true, NotPermitted},
		{"anybody, in vain", petrov, false, NoAccess},
		{"the owner", ivanov, true, Ended},
	} {
		s := newService(t, &memory{})
		a := s.open(ivanov)
		if c.taken {
			a.Login("ivanov", "right")
			a.waits(client.Authorized, session.You)
		}
		got, err := End(context.Background(), RemoteConfig{Lang: locale.English,
			Dial: func(context.Context) (net.Conn, error) { return s.connect(c.who), nil }})
		if got != c.want || err != nil {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
		if still := s.manager.Status().Busy(); still != (c.taken && c.want != Ended) {
			t.Errorf("%s: there is access: %v", c.name, still)
		}
		if taken := strings.Contains(s.written(), locale.AccessEnded); taken != (c.who == boss && c.taken) {
			t.Errorf("%s: the log says\n%s", c.name, s.written())
		}
	}
}

func TestEndWithoutService(t *testing.T) {
	why := errors.New("not there")
	if _, err := End(context.Background(), RemoteConfig{Dial: func(context.Context) (net.Conn, error) { return nil, why }}); !errors.Is(err, why) {
		t.Error(err)
	}
	_, err := End(context.Background(), RemoteConfig{Dial: func(context.Context) (net.Conn, error) {
		here, there := net.Pipe()
		there.Close()
		return here, nil
	}})
	if err == nil {
		t.Error("it has gone, and all is well")
	}
}
