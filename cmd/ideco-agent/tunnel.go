package main

import (
	"errors"
	"flag"
	"regexp"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/settings"
	"ideco-agent/agent/client/tunnel"
)

// tunnelOptions are the flags for the tunnel, of connect and service.
type tunnelOptions struct {
	mode, name, socks string
	shared            bool
}

func (o *tunnelOptions) define(flags *flag.FlagSet) {
	flags.StringVar(&o.mode, "tunnel", string(tunnel.Auto), "")
	flags.StringVar(&o.name, "tunnel-name", "ideco-agent0", "")
	flags.StringVar(&o.socks, "socks", "", "")
	flags.BoolVar(&o.shared, "socks-shared", false, "")
}

// isInterfaceName allows only characters that every tool shows unchanged; the kernel allows more.
var isInterfaceName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$`).MatchString

// check reports options that cannot work. It sets the default of socks.
func (o *tunnelOptions) check() error {
	netstack := o.mode == string(tunnel.Netstack)
	switch {
	case !agent.Contains(tunnel.Modes, tunnel.Mode(o.mode)):
		return problem{locale.BadTunnel, o.mode}
	case o.mode == string(tunnel.TUN) && !tunnel.HasTUN:
		return problem{locale.TunnelNotHere, ""}
	case !isInterfaceName(o.name):
		return problem{locale.BadTunnelName, o.name}
	case !netstack && (o.socks != "" || o.shared):
		return problem{locale.SocksNeedsNetstack, ""}
	}
	if o.socks == "" {
		o.socks = tunnel.DefaultSocks
	}
	var wrong *client.TunnelProblem
	if err := tunnel.CheckSocks(o.socks, o.shared); errors.As(err, &wrong) {
		return problem{wrong.Key, wrong.Value}
	}
	return nil
}

func (o *tunnelOptions) open(log func(string)) *tunnel.Tunnel {
	return tunnel.New(tunnel.Config{Mode: tunnel.Mode(o.mode), Name: o.name, Socks: o.socks, Log: log,
		BlockLocal: func() bool { return settings.ReadRegistry().Restrictions.HomeNetwork }})
}
