// Command ideco-agent opens access through an Ideco gateway while it runs. On Windows it has a window (see package
// window), which opens without a command:
//
//	IdecoAgent.exe [utm_address=GATEWAY[:PORT]] [utm_pin=PIN] [--hidden] [--lang ru|en]
//
// The commands need no window. They are for servers, scripts and tests, on Windows and Linux:
//
//	ideco-agent connect [--server GATEWAY[:PORT]] --login NAME --password-stdin
//	ideco-agent connect [--server GATEWAY[:PORT]] --sso
//	ideco-agent diagnose [utm_address=GATEWAY[:PORT]] [utm_pin=PIN] [--lang ru|en]
//	ideco-agent help [COMMAND]
//
// diagnose writes a file for support (see package diagnose) and prints its path.
//
// The gateway may also be named by utm_address=GATEWAY[:PORT], by policy, which overrides the command line, or by the
// installer, which the command line overrides (see package settings).
//
// On Windows an administrator with elevated rights can end another person's access on this computer (see pipe.End):
//
//	IdecoAgent.exe end [--lang ru|en]
//
// Outside the local network a session needs a tunnel: with --tunnel tun a network interface (as root or
// administrator), with --tunnel netstack a SOCKS5 proxy, which needs no rights; auto, the default, is the interface
// when it is permitted. When the tunnel does not come up, the session is ended and the message says what to do.
//
// On Windows the command service is the process of the service IdecoAgent, started by Windows (see package service).
// It has the same flags for the tunnel.
//
// With --sso the person's Kerberos tickets log in, without a password (see package ticket); that works in the local network
// only. Otherwise a terminal asks for the password without showing it. Without a terminal, and then only with --password-stdin, it
// is the first line of standard input; an empty one is sent, too, and refused by the gateway. When the password has expired and the gateway can change it, connect asks for a new one in a
// terminal. With --change-password it changes the password first; without a terminal the new one is the second line. Events are
// printed on standard output, as text or, with --json, one object a line (see event); diagnostics go to standard
// error. SIGINT, SIGTERM or closing the console log out and end the program; a second signal ends it at once. Exit
// codes:
//
//	0  ended by the user
//	1  diagnose could not write its file, or end could not end the access
//	2  the command line, or a setting of policy or installer, is wrong
//	3  the first login was refused
//	4  the first connection failed: the gateway did not answer, or its certificate was not trusted
//	5  the gateway ended the session or refused to resume it
package main

import (
	"context"
	"io"

	"ideco-agent/agent"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/settings"
)

const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// program is the environment of a command.
type program struct {
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
	lang           locale.Lang
	registry       settings.Registry
	reportDirs     []string // for diagnose, the best first
	terminal       terminal // nil = standard input is no terminal
	command        command  // that was chosen; zero = none, or the window
}

func run(ctx context.Context, p program) int {
	if lang, ok := langIn(p.args); ok {
		p.lang = lang
	}
	p.args = commandFirst(p.args)
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
	p.command = c
	return c.run(ctx, p, p.args[1:])
}

func (p program) describe(wrong *settings.Problem) string {
	return p.text(wrong.Key, "place", p.text(string(wrong.Source)), "value", agent.Clean(wrong.Value, 200))
}

func (p program) text(key string, values ...string) string {
	return locale.Text(p.lang, key, values...)
}
