package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"ideco-agent/agent"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/settings"
)

// problem is an error of the command line: the locale key of its text and the wrong value.
type problem struct{ key, value string }

func (p problem) Error() string { return p.key + " " + p.value }

// usage prints an error of the command line, the usage of the command in one line, and how to get help.
func (p program) usage(key, value string) int {
	fmt.Fprintln(p.stderr, p.text(key, "value", agent.Clean(value, 200)))
	return p.seeHelp()
}

// wrongArguments prints an error of the command line or of the settings.
func (p program) wrongArguments(err error) int {
	var wrongSetting *settings.Problem
	var wrong problem
	switch {
	case errors.As(err, &wrongSetting):
		fmt.Fprintln(p.stderr, p.describe(wrongSetting))
		return p.seeHelp()
	case errors.As(err, &wrong):
		return p.usage(wrong.key, wrong.value)
	}
	wrong = flagProblem(err)
	return p.usage(wrong.key, wrong.value)
}

func (p program) seeHelp() int {
	command := programName
	if p.command.name != "" {
		command += " " + p.command.name
	}
	fmt.Fprintln(p.stderr, p.text(locale.Usage, "value", p.usageLine()))
	fmt.Fprintln(p.stderr, p.text(locale.SeeHelp, "program", command))
	return exitUsage
}

// usageLine returns the first example in the help of the command, or the last one in that of the program, which is for commands.
func (p program) usageLine() (line string) {
	key := locale.Help
	if p.command.name != "" {
		key = p.command.help
	}
	for _, l := range strings.Split(p.text(key, "program", programName), "\n") {
		if strings.HasPrefix(l, "  "+programName+" ") && (line == "" || key == locale.Help && (len(p.args) == 0 || isWord(p.args[0]))) {
			line = strings.TrimSpace(l)
		}
	}
	return line
}

// flagProblem explains an error of package flag, which has no types for them.
func flagProblem(err error) problem {
	text := err.Error()
	for prefix, key := range map[string]string{
		"flag provided but not defined: -": locale.UnknownFlag,
		"flag needs an argument: -":        locale.FlagNeedsValue,
	} {
		if name := strings.TrimPrefix(text, prefix); name != text {
			return problem{key, "--" + name}
		}
	}
	// invalid boolean value "perhaps" for -json: parse error
	if i, j := strings.Index(text, "value "), strings.LastIndex(text, " for -"); strings.HasPrefix(text, "invalid ") && i > 0 && j > i {
		name := text[j+len(" for -"):]
		if k := strings.Index(name, ":"); k >= 0 {
			name = name[:k]
		}
		return problem{locale.BadFlagValue, "--" + name + "=" + strings.Trim(text[i+len("value "):j], `"`)}
	}
	return problem{locale.BadFlags, strings.TrimPrefix(text, "bad flag syntax: ")}
}

// parse parses the flags of a command. Its errors are problems.
func parse(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		return flagProblem(err)
	}
	return nil
}

// reason returns the text of an error of a file or directory, without the name of the system call.
func (p program) reason(err error) string {
	var file *fs.PathError
	if !errors.As(err, &file) {
		return err.Error()
	}
	for _, known := range []struct {
		err error
		key string
	}{
		{os.ErrPermission, locale.ReasonPermission}, {os.ErrNotExist, locale.ReasonNotExist}, {os.ErrExist, locale.ReasonExist},
	} {
		if errors.Is(err, known.err) {
			return file.Path + ": " + p.text(known.key)
		}
	}
	return file.Path + ": " + file.Err.Error()
}
