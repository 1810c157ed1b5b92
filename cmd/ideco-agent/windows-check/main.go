// Command windows-check tests the product on a real Windows; the other tests of this repository have only Wine. It installs
// an IdecoAgent.msi, checks the installation, logs in when it has a gateway and a login, and removes everything again. It
// writes a table of results and one zip for the developers. README.md in this directory is for the person who runs it.
//
//	windows-check.exe --msi IdecoAgent.msi [--gateway HOST[:PORT] --pin PIN] [--login NAME --password-stdin]
//
// It does not use the agent's code, only Windows' own tools (msiexec, reg, sc, netsh, PowerShell) and plain sockets. It
// works in every language of Windows, because it reads only output that Windows does not translate: reg export, exit codes,
// numbers and PowerShell's ConvertTo-Json.
//
// Each check produces one row of the table: "ok", "failed", or "not tried" with the reason. The exit code is 0 when no row
// failed and 1 when one did. It is 2 when nothing was tried: the command line is wrong, rights are missing, or the product
// is installed already.
//
// The password comes from standard input. It is removed from everything that is collected; the row "no secrets collected"
// fails when it was there.
//
// The program is built with Go 1.20, whose programs run on Windows 8, so it keeps to that language and library.
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
		stop() // a second Ctrl+C ends the program at once; after the first one the product is still removed
	}()
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	os.Exit(code)
}
