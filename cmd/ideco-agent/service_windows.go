package main

import (
	"context"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/service"
	"ideco-agent/agent/client/tunnel"
)

// serve runs the service until Windows stops it.
func serve(_ context.Context, p program, args []string) int {
	o, err := parseService(args)
	if err != nil {
		return p.wrongArguments(err)
	}
	open := func(log func(string)) (client.Tunnel, service.Control) {
		t := o.open(log)
		return t, t.DialControl
	}
	if err := service.Run(service.Config{Tunnel: open, Adapters: []string{tunnel.AdapterName}}); err != nil {
		return p.usage(locale.ServiceNotStarted, err.Error())
	}
	return exitOK
}
