package main

import (
	"flag"
	"io"

	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/settings"
)

// windowOptions are the flags and arguments of the window, and of diagnose.
type windowOptions struct {
	gateway settings.Setting
	hidden  bool
	lang    string
}

// isForWindow reports whether the command line opens the window: it has no command and does not ask for help.
func isForWindow(args []string) bool {
	if len(args) == 0 {
		return true
	}
	_, wanted := helpWanted(args)
	_, named := commandNamed(args[0])
	return !wanted && !named && !isWord(args[0])
}

// parseWindowOptions returns an error as a problem or a *settings.Problem.
func parseWindowOptions(args []string) (o windowOptions, err error) {
	flags := flag.NewFlagSet("window", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&o.hidden, "hidden", false, "")
	flags.StringVar(&o.lang, "lang", "", "")
	o.gateway.Source = settings.CommandLine
	rest, err := parseFlags(flags, &o.gateway, args)
	if err != nil {
		return o, err
	}
	if len(rest) > 0 {
		return o, problem{locale.ExtraArgument, rest[0]}
	}
	if _, known := locale.Parse(o.lang); o.lang != "" && !known {
		return o, problem{locale.BadLang, o.lang}
	}
	return o, nil
}
