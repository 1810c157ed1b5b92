package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"ideco-agent/web"
)

// exitUsage is the exit code for a wrong command line or environment variable.
const exitUsage = 2

// usageError prints what is wrong with the command line, and the usage of the command in one line.
func (l language) usageError(w io.Writer, parser *kong.Kong, args []string, err error) int {
	command := parser.Model.Node
	trace, _ := kong.Trace(parser, args) // Parse drops it when a variable is wrong
	if trace != nil {
		command = cmp.Or(trace.Selected(), command)
	}
	var text string
	if own := (*web.Message)(nil); errors.As(err, &own) {
		text = own.Text(l.translate)
	} else {
		text = nameVariable(err.Error(), trace)
		if len(command.Children) > 0 {
			text = strings.Replace(text, "unexpected argument ", "unknown command ", 1)
		}
		text = l.kongText(text)
	}
	fmt.Fprintln(w, "ideco-portal:", text)
	usage := strings.ReplaceAll(strings.TrimSpace(command.Summary()), "=", " ")
	fmt.Fprintln(w, l.kongText("Usage: ")+"ideco-portal", l.kongText(usage))
	fmt.Fprintln(w, l.sprintf("Try: %s --help", command.FullPath()))
	return exitUsage
}

// nameVariable makes an error name the environment variable instead of the flag if the value came from there.
func nameVariable(text string, trace *kong.Context) string {
	text, _, _ = strings.Cut(text, " (from envar ")
	if trace == nil {
		return text
	}
	for _, f := range trace.Flags() {
		rest, about := strings.CutPrefix(text, "--"+f.Name)
		if !about || rest == "" || !strings.Contains(": ", rest[:1]) || isGiven(f, trace) {
			continue
		}
		for _, env := range f.Envs {
			if _, set := os.LookupEnv(env); set {
				return env + rest
			}
		}
	}
	return text
}

// isGiven reports whether the flag is on the command line.
func isGiven(f *kong.Flag, trace *kong.Context) bool {
	for _, p := range trace.Path {
		if p.Flag == f {
			return true
		}
	}
	return false
}

// dropEmptyVariables unsets the variables of flags that are set to nothing, as in "IDECO_DATA=" of a unit file. The default counts then.
func dropEmptyVariables(n *kong.Node) {
	for _, f := range n.Flags {
		for _, env := range f.Envs {
			if value, set := os.LookupEnv(env); set && value == "" {
				_ = os.Unsetenv(env)
			}
		}
	}
	for _, child := range n.Children {
		dropEmptyVariables(child)
	}
}
