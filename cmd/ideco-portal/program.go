//go:build !docs

package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// main ends with exit code 1 if the command failed, and with exitUsage if the command line is wrong.
func main() {
	var c commands
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "help" {
		args = append(args[1:], "--help")
	}
	lang := languageOf(args, os.Getenv)
	parser := newParser(&c, lang)
	dropEmptyVariables(parser.Model.Node)
	k, err := parser.Parse(args)
	if err != nil {
		os.Exit(lang.usageError(os.Stderr, parser, args, err))
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	k.BindTo(ctx, (*context.Context)(nil))
	if err := k.Run(&c, lang); err != nil {
		fmt.Fprintln(os.Stderr, "ideco-portal:", lang.errorText(err))
		stop()
		os.Exit(1)
	}
}
