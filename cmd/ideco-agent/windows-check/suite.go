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
	"strings"
	"time"
)

// suite is one run: the command line, the computer, and what is known so far.
type suite struct {
	options
	computer
	state string // a directory for what does not go into the zip
	rows  []row

	isARM64   bool
	broken    bool // the installer
	installed bool
	version   string // of the product in the list of programs
	gateway   string // to log in to, as HOST or HOST:PORT; empty = none
	// gatewayPin is the pin that goes with gateway; empty = none.
	gatewayPin string
	preset     regKey // what the installer alone has set
	lastLog    installLog
	mode       string    // of the login: LAN, VPN, or empty
	proxied    *agentRun // without a network interface
	proxy      string    // where it listens
	agent      *agentRun // with the network interface; nil = it is not up
	address    string    // in the tunnel
	index      string    // of the interface
	before     reachable // without the tunnel
	takesAll   bool      // the tunnel, all traffic
	removed    bool
}

// need is what a check cannot do without.
type need int

const (
	needNothing   need = iota
	needInstaller      // a file that is whole
	needInstalled
	needShell
	needWindows // the real one
	needDesktop
	needOther
	needGateway
	needLogin // a login that was not refused
	needVPN
	needAdapter // a tunnel with a network interface that is up
	needIndex   // Windows shows that interface
	needSeen    // that interface was there, or is
	needTakesAll
	needURL
	needRemoval
	needRemoved
)

// lacks says why a check cannot be tried; empty when it can.
func (s *suite) lacks(n need) string {
	switch {
	case n == needInstaller && s.broken:
		return "the installer is broken"
	case n == needInstalled && !s.installed, n == needRemoval && !s.installed:
		return "the product is not installed"
	case (n == needRemoval || n == needRemoved) && s.keep:
		return "--keep"
	case n == needRemoved && !s.removed:
		return "the product was not removed"
	case n == needShell && s.wine:
		return "no PowerShell"
	case n == needWindows && s.wine:
		return "Wine"
	case n == needDesktop && s.wine:
		return "Wine"
	case n == needDesktop && !hasDesktop():
		return "no desktop"
	case n == needOther && s.other == "":
		return "no --other"
	case n == needGateway && s.gateway == "":
		return "no gateway"
	case n == needLogin && s.login == "":
		return "no login"
	case n == needVPN && s.mode == "":
		return "nobody has logged in"
	case n == needVPN && s.mode != modeVPN:
		return "in the local network there is no tunnel"
	case n == needAdapter && s.agent == nil:
		return "no tunnel with a network interface is up"
	case n == needIndex && s.index == "":
		return "Windows does not show the interface"
	case n == needSeen && s.address == "":
		return "no tunnel with a network interface was up"
	case n == needTakesAll && !s.takesAll:
		return "the tunnel does not take all traffic"
	case n == needURL && s.url == "":
		return "no --url"
	}
	return ""
}

// check is one row.
type check struct {
	name  string
	needs []need
	do    func(*suite) result
}

// run is the whole program.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o, err := parseOptions(args)
	if err == nil && o.passwordStdin && !o.manual {
		if isKeyboard(stdin) {
			fmt.Fprint(stderr, "Password (it can be seen): ")
		}
		o.password, err = readPassword(stdin)
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
		fmt.Fprint(stdout, byHand())
		return exitOK
	}
	s, err := newSuite(ctx, o)
	if err != nil {
		fmt.Fprintf(stderr, "windows-check: %v\n", err)
		return exitUsage
	}
	defer s.forget()
	if why := s.mayNot(); why != "" {
		fmt.Fprintln(stderr, "windows-check: "+why)
		return exitUsage
	}
	for _, c := range allChecks() {
		s.try(c, stdout)
	}
	s.rows = append(s.rows, manualRows()...)
	path, err := s.save(time.Now())
	fmt.Fprintf(stdout, "\n%s\n%s\n", table(s.rows), byHand())
	if err != nil {
		fmt.Fprintf(stderr, "windows-check: the zip could not be written: %v\n", err)
		return exitFailed
	}
	fmt.Fprintf(stdout, "Send this file back: %s\n", path)
	return exitCode(s.rows)
}

// isKeyboard tells whether a person has to type what is read.
func isKeyboard(r io.Reader) bool {
	f, is := r.(*os.File)
	if !is {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func newSuite(ctx context.Context, o options) (*suite, error) {
	s := &suite{options: o, computer: computer{ctx: ctx, wine: isWine()}}
	for _, path := range []*string{&s.msi, &s.other, &s.out} {
		if *path == "" {
			continue
		}
		whole, err := filepath.Abs(*path)
		if err != nil {
			return nil, err
		}
		*path = whole
	}
	for _, file := range []string{s.msi, s.other, s.out} {
		if file == "" {
			continue
		}
		if _, err := os.Stat(file); err != nil {
			return nil, err
		}
	}
	var err error
	if s.work, err = os.MkdirTemp("", "windows-check-"); err != nil {
		return nil, err
	}
	if s.state, err = os.MkdirTemp("", "windows-check-state-"); err != nil {
		return nil, err
	}
	s.gateway, s.gatewayPin = o.gateway, o.pin
	return s, nil
}

// forget ends what still runs and removes what lay on the disk for the time of the run.
func (s *suite) forget() {
	s.proxied.kill()
	s.agent.kill()
	_ = os.RemoveAll(s.work) // temporary
	_ = os.RemoveAll(s.state)
}

// mayNot says in words why nothing is tried at all.
func (s *suite) mayNot() string {
	switch {
	case !onWindows:
		return "this program is for Windows"
	case !isAdministrator():
		return "administrator's rights are needed: open a command line with \"Run as administrator\" and start this again there"
	case !s.force && s.isThere():
		return "Ideco agent is installed on this computer already. Nothing was changed. " +
			"Use another computer, remove it first, or say --force: it is then replaced, and removed at the end"
	}
	return ""
}

// isThere tells whether any part of the product is on the computer.
func (s *suite) isThere() bool {
	if _, err := os.Stat(s.program()); err == nil {
		return true
	}
	return s.registry(keyService, true) != nil || s.registry(keyGateway, true) != nil || len(s.products()) > 0
}

// try makes a row of a check and prints it.
func (s *suite) try(c check, stdout io.Writer) {
	r := row{Name: c.name}
	for _, n := range c.needs {
		if why := s.lacks(n); why != "" {
			r.result = skipped("%s", why)
			break
		}
	}
	if s.ctx.Err() != nil && c.name == nameRemoval {
		s.ctx = context.Background()
	}
	if r.Status == "" && s.ctx.Err() != nil {
		r.result = skipped("interrupted")
	}
	if r.Status == "" {
		r.result = c.do(s)
	}
	s.rows = append(s.rows, r)
	fmt.Fprintf(stdout, "%-12s  %s\n", r.Status, r.Name)
}

// server is the gateway as HOST:PORT.
func (s *suite) server() string {
	return net.JoinHostPort(splitGateway(s.gateway))
}

// directory is where the product is installed.
func (s *suite) directory() string {
	return folder("ProgramFiles") + `\Ideco\Agent`
}

func (s *suite) program() string { return s.directory() + `\IdecoAgent.exe` }

// allChecks are the rows in their order.
func allChecks() []check {
	var all []check
	for _, part := range [][]check{machineChecks, installChecks, serviceChecks, upkeepChecks, loginChecks, tunnelChecks, removalChecks} {
		all = append(all, part...)
	}
	return all
}

// manual are what a person has to try, with the steps.
var manual = []struct{ name, steps string }{
	{"by hand: double click", "Download IdecoAgent.msi with a browser and open it. What does SmartScreen say, and do the dialogs come up whole and in the right language?"},
	{"by hand: window", "Log in by the window, close it to the tray, log out and in again. Are all texts whole at 100 %, 150 % and 200 % scaling?"},
	{"by hand: sleep", "While logged in, let the computer sleep for a minute, then for longer than the grace period. Does access come back by itself?"},
	{"by hand: network change", "While logged in, go from cable to Wi-Fi or to a phone's hotspot. Does access come back by itself?"},
	{"by hand: Remote Desktop", "Log in over Remote Desktop, disconnect, connect again. Does the session go on, and does Remote Desktop survive a VPN that takes all traffic?"},
	{"by hand: fast user switching", "Log in, switch to another Windows user. Is that user told that the access belongs to somebody else? Switch back: does it go on?"},
	{"by hand: group policy", "Assign the MSI to a computer by group policy and restart it. Is the product there before anybody logs in? Import the ADMX files and set the gateway: is the window's field locked?"},
	{"by hand: screen reader", "Turn Narrator on (Ctrl+Win+Enter) and log in with the keyboard alone. Are all fields, buttons and messages read out?"},
	{"by hand: upgrade", "Open the window and log in, then install a newer MSI. Does the window close and come back, and is access there again?"},
	{"by hand: shutdown", "While logged in, restart Windows. Does it restart without waiting, and does the tray icon come back?"},
}

func manualRows() []row {
	var rows []row
	for _, m := range manual {
		rows = append(rows, row{m.name, skipped("a person has to do this; the steps are below the table")})
	}
	return rows
}

// byHand is the list for a person.
func byHand() string {
	var b strings.Builder
	b.WriteString("What only a person can try. Please write down what happened, a picture helps:\n\n")
	for i, m := range manual {
		fmt.Fprintf(&b, "%d. %s: %s\n", i+1, strings.TrimPrefix(m.name, "by hand: "), m.steps)
	}
	return b.String()
}
