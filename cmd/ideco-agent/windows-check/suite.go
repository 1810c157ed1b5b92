package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// suite is one run of the checks: its options, the computer, and findings that later checks use.
type suite struct {
	options
	computer
	stateDir string // its files do not go into the zip
	rows     []row

	brokenInstaller bool
	installed       bool
	version         string // of the product in the list of programs
	gateway         string // to log in to, as HOST or HOST:PORT; empty = none
	gatewayPin      string // of gateway; empty = none
	preset          regKey // keyGateway after an installation without a gateway on the command line
	lastLog         installLog
	mode            string    // of the login: modeLAN, modeVPN, or empty
	proxied         *agentRun // the agent without a network interface
	proxy           string    // the address of its proxy
	agent           *agentRun // the agent with a network interface; nil = none is up
	address         string    // in the tunnel
	index           string    // of the tunnel's interface
	before          reachable // without the tunnel
	dnsServers      []string  // of the tunnel's interface
	takesAll        bool      // all traffic goes into the tunnel
	removed         bool
}

// need is a requirement of a check, with the reason for "not tried" when it is not met.
type need struct {
	reason string
	met    func(*suite) bool
}

var (
	needInstaller      = &need{"the installer is broken", func(s *suite) bool { return !s.brokenInstaller }}
	needInstalled      = &need{"the product is not installed", func(s *suite) bool { return s.installed }}
	needNoKeep         = &need{"--keep", func(s *suite) bool { return !s.keep }}
	needRemoved        = &need{"the product was not removed", func(s *suite) bool { return s.removed }}
	needShell          = &need{"no PowerShell", func(s *suite) bool { return !s.wine }}
	needWindows        = &need{"Wine", func(s *suite) bool { return !s.wine }}
	needDesktop        = &need{"no desktop", func(*suite) bool { return hasDesktop() }}
	needOtherInstaller = &need{"no --other", func(s *suite) bool { return s.other != "" }}
	needForce          = &need{"no --force", func(s *suite) bool { return s.force }}
	needGateway        = &need{"no gateway", func(s *suite) bool { return s.gateway != "" }}
	needLogin          = &need{"no --login", func(s *suite) bool { return s.login != "" }}
	needSSO            = &need{"no --sso", func(s *suite) bool { return s.sso }}
	needAccess         = &need{"the login did not succeed", func(s *suite) bool { return s.mode != "" }}
	needVPN            = &need{"in the local network there is no tunnel", func(s *suite) bool { return s.mode == modeVPN }}
	needTunnel         = &need{"no tunnel with a network interface is up", func(s *suite) bool { return s.agent != nil }}
	needIndex          = &need{"Windows does not show the interface", func(s *suite) bool { return s.index != "" }}
	needTunnelWasUp    = &need{"no tunnel with a network interface was up", func(s *suite) bool { return s.address != "" }}
	needTakesAll       = &need{"the tunnel does not take all traffic", func(s *suite) bool { return s.takesAll }}
	needURL            = &need{"no --url", func(s *suite) bool { return s.url != "" }}
)

// missing returns the reason why a requirement is not met, or "".
func (s *suite) missing(n *need) string {
	if n.met(s) {
		return ""
	}
	return n.reason
}

// check produces one row of the table.
type check struct {
	name  string
	needs []*need
	do    func(*suite) result
}

// run is the program without os.Args and os.Exit. It returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o, err := parseOptions(args)
	if err == nil && !o.manual {
		err = o.checkFiles()
	}
	if err == nil && o.passwordStdin && !o.manual {
		if isKeyboard(stdin) {
			fmt.Fprint(stderr, "Password (visible while you type): ")
		}
		o.password, err = askPassword(ctx, stdin, typeTimeout)
	}
	var usage errUsage
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, help)
		return exitOK
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "windows-check: %v\nSee windows-check --help.\n", err)
		return exitUsage
	case err != nil:
		fmt.Fprintf(stderr, "windows-check: %v\n", err)
		return exitUsage
	case o.manual:
		fmt.Fprint(stdout, manualSteps())
		return exitOK
	}
	s, err := newSuite(ctx, o)
	if err != nil {
		fmt.Fprintf(stderr, "windows-check: %v\n", err)
		return exitUsage
	}
	defer s.cleanUp()
	if why := s.refusal(); why != "" {
		fmt.Fprintln(stderr, "windows-check: "+why)
		return exitUsage
	}
	s.tryAll(checksBeforeRemoval(), removalChecks, stdout)
	s.rows = append(s.rows, manualRows()...)
	path, err := s.save(time.Now())
	fmt.Fprintf(stdout, "\n%s\n%s\n", table(s.rows), manualSteps())
	if err != nil {
		fmt.Fprintf(stderr, "windows-check: the zip could not be written: %v\n", err)
		return exitFailed
	}
	fmt.Fprintf(stdout, "Send this file back: %s\n", path)
	return exitCode(s.rows)
}

// isKeyboard reports whether r is a console, where a person has to type.
func isKeyboard(r io.Reader) bool {
	f, isFile := r.(*os.File)
	if !isFile {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func newSuite(ctx context.Context, o options) (*suite, error) {
	s := &suite{options: o, computer: computer{ctx: ctx, wine: isWine()}}
	var err error
	if s.work, err = os.MkdirTemp("", "windows-check-"); err != nil {
		return nil, err
	}
	if s.stateDir, err = os.MkdirTemp("", "windows-check-state-"); err != nil {
		return nil, err
	}
	s.gateway, s.gatewayPin = o.gateway, o.pin
	return s, nil
}

// cleanUp ends the agents that still run and removes the temporary directories.
func (s *suite) cleanUp() {
	s.proxied.kill()
	s.agent.kill()
	_ = os.RemoveAll(s.work) // after an error they stay in the directory for temporary files
	_ = os.RemoveAll(s.stateDir)
}

// refusal returns the reason why no check may run, or "".
func (s *suite) refusal() string {
	switch {
	case !onWindows:
		return "this program is for Windows"
	case !isAdministrator():
		return "administrator rights are needed: open a command line with \"Run as administrator\" and start this program there"
	case !s.force && s.hasProduct():
		return "Ideco agent is installed on this computer already. Nothing was changed. " +
			"Use another computer, remove the product first, or use --force: the product is then removed first, without its gateway being kept"
	}
	return ""
}

// hasProduct reports whether any part of the product is on the computer.
func (s *suite) hasProduct() bool {
	if _, err := os.Stat(s.program()); err == nil {
		return true
	}
	return s.registry(keyService, true) != nil || s.registry(keyGateway, true) != nil || len(s.products()) > 0
}

// tryAll tries the checks. The checks of the removal are tried after an interruption too, and cannot be interrupted.
func (s *suite) tryAll(checks, removal []check, stdout io.Writer) {
	for _, c := range checks {
		s.try(c, stdout)
	}
	s.ctx = context.Background()
	for _, c := range removal {
		s.try(c, stdout)
	}
}

// try runs a check, keeps its row and prints the row's status and name.
func (s *suite) try(c check, stdout io.Writer) {
	r := row{c.name, s.outcome(c)}
	s.rows = append(s.rows, r)
	fmt.Fprintf(stdout, "%-9s  %s\n", r.Status, r.Name)
}

func (s *suite) outcome(c check) result {
	for _, n := range c.needs {
		if why := s.missing(n); why != "" {
			return notTried("%s", why)
		}
	}
	if s.ctx.Err() != nil {
		return notTried("interrupted")
	}
	return c.do(s)
}

// directory returns the directory of the installed product.
func (s *suite) directory() string {
	return folder("ProgramFiles") + `\Ideco\Agent`
}

func (s *suite) program() string { return s.directory() + `\IdecoAgent.exe` }

// checksBeforeRemoval returns the checks before the removal, in their order.
func checksBeforeRemoval() []check {
	var all []check
	for _, part := range [][]check{machineChecks, installChecks, serviceChecks, reinstallChecks, loginChecks, tunnelChecks, reportChecks} {
		all = append(all, part...)
	}
	return all
}

// manual are rows that are always "not tried". Their steps are printed below the table.
var manual = []struct{ name, steps string }{
	{"by hand: double click", "Download IdecoAgent.msi with a browser and open it. What does SmartScreen say? Are the dialogs complete and in the right language?"},
	{"by hand: window", "Log in with the window, close it to the tray, log out and in again. Is any text cut off at 100 %, 150 % or 200 % scaling?"},
	{"by hand: login without a password", "In the local network, log on to Windows as a user of the domain and open the window. Is there the button to log in without a password, and does it work? Let the computer connect automatically without a saved password and restart it: does access come by itself? Does the window say so when the user is a local one?"},
	{"by hand: sleep", "While logged in, let the computer sleep for a minute, then for longer than the gateway keeps a lost connection (30 seconds unless changed). Does access come back by itself?"},
	{"by hand: network change", "While logged in, switch from cable to Wi-Fi or to a phone's hotspot. Does access come back by itself?"},
	{"by hand: Remote Desktop", "Log in over Remote Desktop, disconnect, connect again. Does the session continue? Does Remote Desktop stay connected when a VPN takes all traffic?"},
	{"by hand: fast user switching", "Log in, switch to another Windows user. Does the program tell that user that somebody else is logged in? Switch back: does the session continue?"},
	{"by hand: group policy", "Assign the MSI to a computer by group policy and restart it. Is the product installed before anybody logs in? Import the ADMX files and set the gateway: is the field for the gateway locked in the window?"},
	{"by hand: screen reader", "Turn Narrator on (Ctrl+Win+Enter) and log in with the keyboard only. Are all fields, buttons and messages read out?"},
	{"by hand: upgrade", "Open the window and log in, then install a newer MSI. Does the window close and open again? Does access come back?"},
	{"by hand: shutdown", "While logged in, restart Windows. Does it restart without a delay? Does the tray icon come back?"},
}

func manualRows() []row {
	var rows []row
	for _, m := range manual {
		rows = append(rows, row{m.name, notTried("a person has to do this; the steps are below the table")})
	}
	return rows
}

func manualSteps() string {
	var b strings.Builder
	b.WriteString("What only a person can try. Write down what happened and add a screenshot where you can.\n" +
		"Each needs the product: install it again, unless you used --keep. README.md says which files you need.\n\n")
	for i, m := range manual {
		fmt.Fprintf(&b, "%d. %s: %s\n", i+1, strings.TrimPrefix(m.name, "by hand: "), m.steps)
	}
	return b.String()
}
