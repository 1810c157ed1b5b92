// Command ideco-agent opens access through an Ideco gateway for as long as it runs. On Windows it has a window (see
// package window), and without a command it shows it:
//
//	IdecoAgent.exe [utm_address=GATEWAY[:PORT]] [utm_pin=PIN] [--hidden] [--lang ru|en]
//
// For servers, scripts and tests, on Windows and Linux, it does without one:
//
//	ideco-agent connect [--server GATEWAY[:PORT]] --login NAME --password-stdin
//	ideco-agent diagnose [utm_address=GATEWAY[:PORT]] [utm_pin=PIN] [--lang ru|en]
//	ideco-agent help [COMMAND]
//
// diagnose writes a file for support (see package diagnose) and says where.
//
// The gateway may also be named as utm_address=GATEWAY[:PORT], by policy, which comes before the command line, or by
// the installer, which comes after it (see package settings).
//
// On Windows an administrator, with elevated rights, ends the access that somebody else has on this computer (see
// pipe.End):
//
//	IdecoAgent.exe end [--lang ru|en]
//
// Outside the local network a session carries a tunnel: with --tunnel tun as a network interface (as root or
// administrator), with --tunnel netstack as a SOCKS5 proxy without any rights; auto, the default, is the interface where
// it is permitted. A session that needs a tunnel which cannot be had is given back, and the answer says what helps.
//
// On Windows the command service is what Windows itself starts: the process of the service IdecoAgent (see package
// service), with the same flags for the tunnel.
//
// The password is the first line of standard input; an empty one is sent too, so that the answer is the gateway's.
// What happens is printed on standard output, in words or, with --json, as one object a line (see event);
// standard error is for diagnostics. SIGINT, SIGTERM or closing the console log the person out and end the program; a
// second signal ends it at once. The exit code tells how it ended:
//
//	0  by the user
//	1  diagnose could not write its file, or end could not end the access
//	2  the command line is wrong, or what policy or the installer say of the gateway
//	3  the first login was refused
//	4  the gateway could not be reached, or not be trusted, the first time
//	5  the gateway ended the session or refused to take it up again
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"ideco-agent/agent"
	"ideco-agent/agent/client/diagnose"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/settings"
)

const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	attachConsole(os.Args[1:])
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // the second signal does what signals do
	}()
	os.Exit(run(ctx, program{os.Args[1:], os.Stdin, os.Stdout, os.Stderr, locale.System(),
		settings.ReadRegistry(), diagnose.Places()}))
}

// program is what a process has.
type program struct {
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
	lang           locale.Lang
	registry       settings.Registry
	reportDirs     []string // where diagnose writes, the best first
}

func run(ctx context.Context, p program) int {
	if lang, ok := langIn(p.args); ok {
		p.lang = lang
	}
	if on, wanted := helpWanted(p.args); wanted {
		return p.showHelp(on)
	}
	if isForWindow(p.args) {
		return p.window()
	}
	c, ok := commandNamed(p.args[0])
	if !ok {
		return p.usage(locale.UnknownCommand, p.args[0])
	}
	return c.run(ctx, p, p.args[1:])
}

// usage says what is wrong with the command line.
func (p program) usage(key, value string) int {
	fmt.Fprintln(p.stderr, p.text(key, "value", agent.Clean(value, 200)))
	fmt.Fprintln(p.stderr, p.text(locale.SeeHelp, "program", programName))
	return exitUsage
}

// unsettled says what is wrong with the place that names the gateway.
func (p program) unsettled(wrong *settings.Problem) int {
	fmt.Fprintln(p.stderr, p.inWords(wrong))
	fmt.Fprintln(p.stderr, p.text(locale.SeeHelp, "program", programName))
	return exitUsage
}

func (p program) inWords(wrong *settings.Problem) string {
	return p.text(wrong.Key, "place", p.text(string(wrong.Place)), "value", agent.Clean(wrong.Value, 200))
}

func (p program) text(key string, values ...string) string {
	return locale.Text(p.lang, key, values...)
}
