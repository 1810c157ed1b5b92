package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Limits. The help text states them.
const (
	toolTimeout    = 30 * time.Second // one of Windows' tools; asked a second time when it does not end
	shellTimeout   = 90 * time.Second // PowerShell, which takes long to start
	installTimeout = 10 * time.Minute // msiexec
	answerTimeout  = 60 * time.Second // the agent's next event, the service's start, the end of a program
	reportTimeout  = 2 * time.Minute  // IdecoAgent.exe diagnose
	requestTimeout = 15 * time.Second // one request over the network
	maxCollected   = 64 << 20         // bytes of one file in the zip; the last ones are kept
)

const help = `windows-check proves on a real Windows that IdecoAgent.msi and its program work.

    windows-check.exe --msi IdecoAgent.msi [flags]

Run it as an administrator. It installs the MSI, checks, and removes it again. For the time
of a VPN session the network of this computer changes.

  --msi FILE         the installer (required)
  --other FILE       the installer of the same version for another gateway; tries that it
                     replaces the first one
  --gateway HOST[:PORT]
                     the gateway to log in to; without it the one that the installer names
  --pin PIN          the pin of the gateway's root certificate; goes with --gateway
  --login NAME       who logs in; without it nobody does
  --password-stdin   the password is the first line of standard input (goes with --login).
                     One wrong password is tried too and counts on the gateway.
  --url URL          a page that must answer while there is access
  --inside URL       the gateway's own page in the tunnel (default http://10.128.0.1/)
  --out DIR          where the zip goes (default: the current directory)
  --keep             leave the product installed
  --force            go on although the product is installed; it is replaced, and removed
  --manual           only print what a person has to try by hand
  --help

While a VPN takes all traffic, two addresses of public DNS services (9.9.9.9 and
2620:fe::fe) are tried, which must not answer.

Limits: 30 s for a tool of Windows (asked twice), 90 s for PowerShell, 10 min for msiexec,
60 s for each step of a login, 2 min for diagnose, 15 s for a request; 64 MB of each file in the zip.

Exit code: 0 = no row failed, 1 = one failed, 2 = nothing was tried.
`

// options are the command line.
type options struct {
	msi, other          string
	gateway, pin, login string
	passwordStdin       bool
	password            string
	url, inside, out    string
	keep, force, manual bool
}

// errUsage is a command line that nothing can be done with.
type errUsage string

func (e errUsage) Error() string { return string(e) }

// parseOptions gives flag.ErrHelp when the help was asked for. It does not read the password.
func parseOptions(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("windows-check", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.msi, "msi", "", "")
	flags.StringVar(&o.other, "other", "", "")
	flags.StringVar(&o.gateway, "gateway", "", "")
	flags.StringVar(&o.pin, "pin", "", "")
	flags.StringVar(&o.login, "login", "", "")
	flags.BoolVar(&o.passwordStdin, "password-stdin", false, "")
	flags.StringVar(&o.url, "url", "", "")
	flags.StringVar(&o.inside, "inside", "http://10.128.0.1/", "")
	flags.StringVar(&o.out, "out", ".", "")
	flags.BoolVar(&o.keep, "keep", false, "")
	flags.BoolVar(&o.force, "force", false, "")
	flags.BoolVar(&o.manual, "manual", false, "")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return o, err
	} else if err != nil {
		return o, errUsage(err.Error())
	}
	return o, o.check(flags.Args())
}

func (o options) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return errUsage("what does " + rest[0] + " mean?")
	case o.manual:
		return nil
	case o.msi == "":
		return errUsage("--msi is missing")
	case o.pin != "" && o.gateway == "":
		return errUsage("--pin goes with --gateway")
	case o.login != "" && !o.passwordStdin:
		return errUsage("--login goes with --password-stdin")
	case o.passwordStdin && o.login == "":
		return errUsage("--password-stdin goes with --login")
	case o.gateway != "":
		if host, _ := splitGateway(o.gateway); host == "" {
			return errUsage("--gateway is not HOST or HOST:PORT")
		}
	}
	return nil
}

const defaultPort = "14765"

// splitGateway gives host and port of HOST or HOST:PORT; the host is empty when it is neither.
func splitGateway(gateway string) (host, port string) {
	host, port, err := net.SplitHostPort(gateway)
	if err != nil {
		host, port = gateway, defaultPort
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil || strings.ContainsAny(host, " /[]") {
		return "", ""
	}
	return host, port
}

// readPassword reads the first line.
func readPassword(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, 8<<10)).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", fmt.Errorf("read the password: %w", err)
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", errUsage("there is no password on standard input")
	}
	return line, nil
}
