package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"ideco-agent/agent/passwordline"
)

// Limits. The help text states them.
const (
	toolTimeout    = 30 * time.Second // a tool of Windows; it is run a second time when it does not end
	shellTimeout   = 90 * time.Second // PowerShell, which starts slowly
	installTimeout = 10 * time.Minute // msiexec
	answerTimeout  = 60 * time.Second // the agent's next event, the start of the service, the end of a program
	reportTimeout  = 2 * time.Minute  // IdecoAgent.exe diagnose
	requestTimeout = 15 * time.Second // one request over the network
	typeTimeout    = 5 * time.Minute  // the password on standard input
	maxCollected   = 64 << 20         // bytes of one file in the zip; of a larger file the end is kept
	maxPassword    = 1024             // bytes; IdecoAgent.exe refuses longer ones too
)

const help = `windows-check tests IdecoAgent.msi and the program that it installs on a real Windows.

    windows-check.exe --msi IdecoAgent.msi [flags]

Run it as an administrator. It installs the MSI, checks the installation, and removes it again.
During a VPN session the network settings of this computer change.

  --msi FILE         the installer (required)
  --other FILE       an installer of the same version for another gateway; it must replace
                     the first one
  --gateway HOST[:PORT]
                     the gateway to log in to (default: the one that the installer names)
  --pin PIN          the pin of the gateway's root certificate; requires --gateway
  --login NAME       the login; without it nothing is tried that needs one
  --password-stdin   read the password from the first line of standard input, at most 1024 bytes;
                     requires --login. One wrong password is tried too, which the gateway counts
                     as an attempt of this login.
  --sso              log in without a password, too, with the Kerberos tickets of this Windows user: a user of
                     the domain, in the local network, and a gateway that is given by its name
  --url URL          a page that must answer while the user has access
  --inside URL       the gateway's own page in the tunnel (default http://10.128.0.1/)
  --out DIR          the directory for the zip (default: the current directory)
  --keep             leave the product installed, for what only a person can try
  --force            run although the product is installed: it is removed first, and its gateway
                     is not kept
  --manual           only print what a person has to try by hand
  --help

Before and during a VPN that takes all traffic, two addresses of a public DNS service
(9.9.9.9 and 2620:fe::fe) are tried. During the VPN they must not answer.

Limits: 30 s for a tool of Windows (tried twice), 90 s for PowerShell, 10 min for msiexec,
60 s for each step of a login, 2 min for diagnose, 15 s for a request, 5 min to type the password;
64 MB of each file in the zip.

Exit code: 0 = no row failed, 1 = one failed, 2 = nothing was tried.
`

// options are the flags of the command line.
type options struct {
	msi, other          string
	gateway, pin, login string
	passwordStdin, sso  bool
	password            string
	url, inside, out    string
	keep, force, manual bool
}

// errUsage is an error after which run points to --help.
type errUsage string

func (e errUsage) Error() string { return string(e) }

// parseOptions returns flag.ErrHelp for --help. It does not read the password.
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
	flags.BoolVar(&o.sso, "sso", false, "")
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
		return errUsage("unknown argument " + rest[0])
	case o.manual:
		return nil
	case o.msi == "":
		return errUsage("--msi is missing")
	case o.pin != "" && o.gateway == "":
		return errUsage("--pin requires --gateway")
	case o.login != "" && !o.passwordStdin:
		return errUsage("--login requires --password-stdin")
	case o.passwordStdin && o.login == "":
		return errUsage("--password-stdin requires --login")
	case o.gateway != "":
		if host, _ := splitGateway(o.gateway); host == "" {
			return errUsage("--gateway is not HOST or HOST:PORT")
		}
	}
	return nil
}

const defaultPort = "14765"

// splitGateway splits HOST or HOST:PORT. The host is empty when the text is neither.
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

// checkFiles makes the paths absolute. It fails unless the installers are files and the directory of --out is writable.
func (o *options) checkFiles() error {
	for _, path := range []*string{&o.msi, &o.other, &o.out} {
		if *path == "" {
			continue
		}
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		*path = absolute
	}
	for _, file := range []string{o.msi, o.other} {
		if file == "" {
			continue
		}
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		if info.IsDir() {
			return errUsage(file + " is a directory, not an installer")
		}
	}
	file, err := os.CreateTemp(o.out, "windows-check-*.tmp")
	if err != nil {
		return errUsage("no file can be written in the directory of --out: " + err.Error())
	}
	file.Close()
	return os.Remove(file.Name())
}

// askPassword reads the password until ctx ends or the limit has passed.
func askPassword(ctx context.Context, r io.Reader, limit time.Duration) (string, error) {
	type answer struct {
		password string
		err      error
	}
	read := make(chan answer, 1)
	go func() {
		password, err := readPassword(r)
		read <- answer{password, err}
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case a := <-read:
		return a.password, a.err
	case <-timer.C:
		return "", errUsage(fmt.Sprintf("there is no password on standard input within %v", limit))
	case <-ctx.Done():
		return "", errUsage("interrupted")
	}
}

func readPassword(r io.Reader) (string, error) {
	password, err := passwordline.Read(r, maxPassword)
	switch {
	case errors.Is(err, passwordline.ErrTooLong):
		return "", errUsage(fmt.Sprintf("the password is longer than %d bytes", maxPassword))
	case errors.Is(err, passwordline.ErrText):
		return "", errUsage("the password is not UTF-8")
	case err != nil:
		return "", fmt.Errorf("read the password: %w", err)
	case password == "":
		return "", errUsage("there is no password on standard input")
	}
	return password, nil
}
