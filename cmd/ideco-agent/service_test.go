package main

import (
	"errors"
	"testing"

	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/tunnel"
)

func TestParseService(t *testing.T) {
	for _, c := range []struct {
		args []string
		key  string
	}{
		{nil, ""},
		{[]string{"--tunnel", "netstack", "--socks", "127.0.0.1:1081"}, ""},
		{[]string{"--tunnel", "carrier-pigeon"}, locale.BadTunnel},
		{[]string{"--login", "ivanov"}, locale.UnknownFlag},
		{[]string{"utm_address=gw.ru"}, locale.ExtraArgument}, // the gateway comes from policy or installer
	} {
		o, err := parseService(c.args)
		var wrong problem
		errors.As(err, &wrong)
		if wrong.key != c.key {
			t.Errorf("%q: %v, want %q", c.args, err, c.key)
		}
		if len(c.args) == 0 && o.mode != string(tunnel.Auto) {
			t.Errorf("the mode is %s", o.mode)
		}
	}
}
