//go:build !docs

package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"ideco-agent/agent/client/diagnose"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/settings"
)

func main() {
	attachConsole(os.Args[1:])
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the program at once
	}()
	os.Exit(run(ctx, program{os.Args[1:], os.Stdin, os.Stdout, os.Stderr, locale.System(),
		settings.ReadRegistry(), diagnose.Directories(), standardTerminal(), command{}}))
}
