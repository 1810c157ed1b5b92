package store

import (
	"fmt"
	"testing"
	"time"

	"ideco-agent/agent"
)

func TestDevices(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	mine, other := addUser(t, s, agent.User{Login: "a"}, ""), addUser(t, s, agent.User{Login: "b"}, "")
	check(t, s.RememberDevice(ctx, mine, "pc", start))
	check(t, s.RememberDevice(ctx, mine, "pc", start.Add(time.Hour)))
	check(t, s.RememberDevice(ctx, mine, "", start))
	for _, test := range []struct {
		id     agent.UserID
		device string
		want   bool
	}{{mine, "pc", true}, {mine, "phone", false}, {other, "pc", false}, {mine, "", false}} {
		if known, err := s.KnowsDevice(ctx, test.id, test.device); err != nil || known != test.want {
			t.Errorf("%d %q: %v, %v", test.id, test.device, known, err)
		}
	}
}

func TestDevicesAreBounded(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	id := addUser(t, s, agent.User{Login: "a"}, "")
	other := addUser(t, s, agent.User{Login: "b"}, "")
	check(t, s.RememberDevice(ctx, other, "d0", start))
	for i := range knownDevices + 1 {
		check(t, s.RememberDevice(ctx, id, fmt.Sprint("d", i), start.Add(time.Duration(i)*time.Second)))
	}
	for device, want := range map[string]bool{"d0": false, "d1": true, fmt.Sprint("d", knownDevices): true} {
		if known, err := s.KnowsDevice(ctx, id, device); err != nil || known != want {
			t.Errorf("%s: %v, %v", device, known, err)
		}
	}
	if known, err := s.KnowsDevice(ctx, other, "d0"); err != nil || !known {
		t.Errorf("another person's: %v, %v", known, err)
	}
}
