package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"

	"ideco-agent/agent"
	"ideco-agent/agent/client/locale"
)

// command is a command of the program.
type command struct {
	name string
	help string // the key of its help
	run  func(ctx context.Context, p program, args []string) int
}

var commands = []command{
	{"connect", locale.HelpConnect, connect},
	{"diagnose", locale.HelpDiagnose, diagnoseCommand},
	{"end", locale.HelpEnd, endCommand},
	{"service", locale.HelpService, serve},
	{"version", locale.HelpVersion, versionCommand},
}

// commandNamed returns the command with a name. --version counts as version.
func commandNamed(word string) (command, bool) {
	if strings.TrimLeft(word, "-") == "version" {
		word = "version"
	}
	for _, c := range commands {
		if c.name == word {
			return c, true
		}
	}
	return command{}, false
}

// helpWanted reports whether the command line asks for help, and on which command: "" = the program. The forms are
// help, help COMMAND, COMMAND help, and a help flag anywhere.
func helpWanted(args []string) (on string, wanted bool) {
	for i, a := range args {
		wanted = wanted || isHelpFlag(a) || a == "help" && (i == 0 || i == 1 && isWord(args[0]))
	}
	if len(args) > 0 && (args[0] == "help" || isHelpFlag(args[0])) {
		args = args[1:]
	}
	if len(args) > 0 && isWord(args[0]) {
		on = args[0]
	}
	return on, wanted
}

// isHelpFlag recognizes the flags of package flag, and /? and -?.
func isHelpFlag(arg string) bool {
	name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	return arg == "/?" || arg == "-?" || strings.HasPrefix(arg, "-") && (name == "h" || name == "help")
}

// isWord reports whether an argument is a command, not a flag, utm_address= or utm_pin=.
func isWord(arg string) bool {
	return !strings.HasPrefix(arg, "-") && !strings.Contains(arg, "=") && !isHelpFlag(arg)
}

// showHelp prints the help, or shows it in a message box when there is no standard output.
func (p program) showHelp(on string) int {
	key := locale.Help
	if on != "" {
		c, ok := commandNamed(on)
		if !ok {
			return p.usage(locale.UnknownCommand, on)
		}
		key = c.help
	}
	text := p.text(key, "program", programName)
	if _, err := io.WriteString(p.stdout, text); err != nil {
		p.showInBox(text)
	}
	return exitOK
}

func versionCommand(_ context.Context, p program, args []string) int {
	if err := parseLang(args); err != nil {
		return p.wrongArguments(err)
	}
	text := p.text(locale.VersionOfProgram, "version", agent.Version, "value", runtime.Version()+", "+runtime.GOOS+"/"+runtime.GOARCH)
	if _, err := fmt.Fprintln(p.stdout, text); err != nil {
		p.showInBox(text)
	}
	return exitOK
}

// commandFirst moves a --lang before a command to the end, where the flags of the command are.
func commandFirst(args []string) []string {
	n := 0 // arguments of the flag
	if len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch name := strings.TrimLeft(args[0], "-"); {
		case name == "lang":
			n = 2
		case strings.HasPrefix(name, "lang="):
			n = 1
		}
	}
	if n == 0 || len(args) <= n || !isWord(args[n]) && !isHelpFlag(args[n]) {
		return args
	}
	return append(append([]string{}, args[n:]...), args[:n]...)
}

// langIn returns the language of --lang anywhere on the command line. It is read first, for messages about the rest
// of the command line.
func langIn(args []string) (lang locale.Lang, ok bool) {
	for i, a := range args {
		name, value, has := strings.Cut(strings.TrimLeft(a, "-"), "=")
		if name != "lang" || !strings.HasPrefix(a, "-") {
			continue
		}
		if !has && i+1 < len(args) {
			value = args[i+1]
		}
		if l, known := locale.Parse(value); known {
			lang, ok = l, true
		}
	}
	return lang, ok
}
