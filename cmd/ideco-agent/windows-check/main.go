// Command windows-check proves on a real Windows what the tests of this repository can only try in Wine: it installs an
// IdecoAgent.msi, looks at what is there, logs in where it is told how, removes everything again, and writes a table and
// one zip for the developers. README.md in this directory is for the person who runs it.
//
//	windows-check.exe --msi IdecoAgent.msi [--gateway HOST[:PORT] --pin PIN] [--login NAME --password-stdin]
//
// It is a witness of its own: it asks Windows by the tools that Windows brings (msiexec, reg, sc, netsh, PowerShell) and
// by plain sockets, and imports nothing of the agent. Nothing is read out of texts that Windows translates: reg export,
// exit codes, numbers and PowerShell's ConvertTo-Json are the same in every language.
//
// Each check is one row of the table: "ok", "failed", or "untried here" with the reason. The exit code is 0 when no row
// failed, 1 when one did, and 2 when nothing was tried, because of the command line, missing rights, or because the
// product is installed already.
//
// The password comes by standard input. It is taken out of everything that is collected, and a row says so when it was
// in there.
//
// The program is built with Go 1.20, whose programs run on Windows 8, and keeps to that language and library.
package main

import (
	"context"
	"os"
	"os/signal"
)

const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	go func() {
		<-ctx.Done()
		stop() // a second Ctrl+C ends at once; the first one still removes the product
	}()
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	os.Exit(code)
}
