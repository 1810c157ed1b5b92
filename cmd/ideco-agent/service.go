package main

import (
	"flag"
	"io"

	"ideco-agent/agent/client/locale"
)

// parseService reads the flags of the command service, which are those of the tunnel.
func parseService(args []string) (o tunnelOptions, err error) {
	flags := flag.NewFlagSet("service", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	o.define(flags)
	switch err := parse(flags, args); {
	case err != nil:
		return o, err
	case flags.NArg() > 0:
		return o, problem{locale.ExtraArgument, flags.Arg(0)}
	}
	return o, o.check()
}
