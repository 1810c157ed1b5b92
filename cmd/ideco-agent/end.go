package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime"
	"strings"

	"ideco-agent/agent"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/pipe"
)

// endCommand ends any user's access on this computer and prints the result.
func endCommand(ctx context.Context, p program, args []string) int {
	if err := parseLang(args); err != nil {
		return p.wrongArguments(err)
	}
	if runtime.GOOS != "windows" {
		return p.usage(locale.ServiceOnWindows, "end")
	}
	result, err := pipe.End(ctx, pipe.RemoteConfig{Lang: p.lang})
	code, key, value := endMessage(result, err)
	out := p.stdout
	if code != exitOK {
		out = p.stderr
	}
	text := p.text(key, "value", value)
	if _, err := fmt.Fprintln(out, text); err != nil {
		p.showInBox(text)
	}
	return code
}

// parseLang checks the arguments of a command that takes --lang only.
func parseLang(args []string) error {
	var lang string
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&lang, "lang", "", "")
	if err := parse(flags, args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return problem{locale.ExtraArgument, flags.Arg(0)}
	}
	if _, known := locale.Parse(lang); lang != "" && !known {
		return problem{locale.BadLang, lang}
	}
	return nil
}

// endMessage returns the exit code and the text for a result of pipe.End.
func endMessage(result pipe.EndResult, err error) (code int, key, value string) {
	switch {
	case errors.Is(err, pipe.ErrUntrusted):
		return exitFailed, locale.EndUntrusted, ""
	case err != nil:
		return exitFailed, locale.EndFailed, strings.TrimSuffix(agent.Clean(err.Error(), 200), ".")
	case result == pipe.NoAccess:
		return exitOK, locale.EndNobody, ""
	case result == pipe.NotPermitted:
		return exitFailed, locale.EndNeedsRights, ""
	}
	return exitOK, locale.EndDone, ""
}
