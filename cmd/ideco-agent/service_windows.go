package main

import (
	"errors"

	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/service"
)

// serve is the process of the service. It returns when Windows has stopped it.
func serve(p program, args []string) int {
	o, err := parseService(args)
	var wrong problem
	if errors.As(err, &wrong) {
		return p.usage(wrong.key, wrong.value)
	}
	if err := service.Run(service.Config{Tunnel: o.open, Adapters: []string{o.name}}); err != nil {
		return p.usage(locale.ServiceNotStarted, err.Error())
	}
	return exitOK
}
