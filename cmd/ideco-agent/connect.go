package main

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"time"
	"unicode/utf8"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/netwatch"
	"ideco-agent/agent/client/settings"
	"ideco-agent/agent/client/ticket"
	"ideco-agent/agent/client/tunnel"
)

// maxPasswordLine is in bytes. It is more than a gateway accepts, so that the gateway, not the agent, refuses a long password.
const maxPasswordLine = 4 * agent.MaxPassword

// dialTimeout is the limit for all addresses of the gateway's name together.
const dialTimeout = 10 * time.Second

var exitCodes = map[client.Outcome]int{
	client.StoppedByUser:  exitOK,
	client.Refused:        3,
	client.Unreachable:    4,
	client.NotTrusted:     4,
	client.EndedByGateway: 5,
}

// options are the flags and arguments of connect.
type options struct {
	given                       settings.Setting // the gateway, by --server and --pin or utm_address= and utm_pin=
	login, root, lang, stateDir string
	passwordStdin, sso          bool
	changePassword              bool
	json, debug                 bool
	tunnel                      tunnelOptions
}

// parseOptions parses the arguments of connect, see parseFlags.
func parseOptions(args []string) (o options, rest []string, err error) {
	var server, pin string
	flags := o.flags(&server, &pin)
	o.given.Source = settings.CommandLine
	if rest, err = parseFlags(flags, &o.given, args); err != nil {
		return o, nil, err
	}
	flags.Visit(func(f *flag.Flag) {
		switch {
		case err != nil: // the first error counts
		case f.Name == "server":
			err = o.given.SetAddress(server)
		case f.Name == "pin":
			err = o.given.SetPin(pin)
		}
	})
	return o, rest, err
}

// flags returns the flags of connect.
func (o *options) flags(server, pin *string) *flag.FlagSet {
	flags := flag.NewFlagSet("connect", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(server, "server", "", "")
	flags.StringVar(&o.login, "login", "", "")
	flags.BoolVar(&o.passwordStdin, "password-stdin", false, "")
	flags.BoolVar(&o.sso, "sso", false, "")
	flags.BoolVar(&o.changePassword, "change-password", false, "")
	flags.StringVar(pin, "pin", "", "")
	flags.StringVar(&o.root, "root", "", "")
	flags.BoolVar(&o.debug, "debug", false, "")
	flags.BoolVar(&o.json, "json", false, "")
	flags.StringVar(&o.lang, "lang", "", "")
	flags.StringVar(&o.stateDir, "state", "", "")
	o.tunnel.define(flags)
	return flags
}

// parseFlags parses flags and, anywhere among them, the installer's properties utm_address= and utm_pin=, which the command
// line takes too. rest begins with the first other argument.
func parseFlags(flags *flag.FlagSet, gateway *settings.Setting, args []string) (rest []string, err error) {
	for taken := true; taken; args = rest[1:] { // Parse stops before each property
		if err = parse(flags, args); err != nil {
			return nil, err
		}
		if rest = flags.Args(); len(rest) == 0 {
			break
		}
		if taken, err = gateway.ReadArgument(rest[0]); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// connect logs in and stays connected.
func connect(ctx context.Context, p program, args []string) int {
	o, rest, err := parseOptions(args)
	if err != nil {
		return p.wrongArguments(err)
	}
	if len(rest) > 0 {
		return p.usage(locale.ExtraArgument, rest[0])
	}
	cfg, err := o.config(ctx, p)
	var unusable *unusableGateway
	switch {
	case ctx.Err() != nil: // while a password was asked for
		return exitOK
	case errors.As(err, &unusable):
		return unusable.show(p, o)
	case err != nil:
		return p.wrongArguments(err)
	}
	cfg.Events = printer(p.stdout, o.json)
	cfg.Log = func(text string) {
		if o.json || o.debug {
			fmt.Fprintln(p.stderr, text)
		}
	}
	cfg.NetworkChanged = o.watchNetwork(ctx, cfg.Log)
	tun := o.tunnel.open(cfg.Log)
	cfg.Tunnel = tun
	cfg.Dial = (&net.Dialer{Timeout: dialTimeout, Control: tun.DialControl}).DialContext
	return o.run(ctx, p, cfg)
}

// watchNetwork returns a channel that signals wake-ups and changes of the network, except of the tunnel's interfaces.
func (o *options) watchNetwork(ctx context.Context, log func(string)) <-chan struct{} {
	changed := make(chan struct{}, 1)
	go netwatch.Watch(ctx, netwatch.Config{Own: []string{o.tunnel.name, tunnel.AdapterName}, Log: log, Changed: func() {
		select {
		case changed <- struct{}{}:
		default: // a signal is pending already
		}
	}})
	return changed
}

// config checks the flags and reads password and files.
func (o *options) config(ctx context.Context, p program) (client.Config, error) {
	cfg := client.Config{Login: o.login, Lang: p.lang}
	gateway, warnings, err := settings.ChooseGateway(p.registry.Policy, o.given, p.registry.Installer)
	if err != nil {
		return cfg, err
	}
	if err := o.check(gateway, p.terminal != nil); err != nil {
		return cfg, err
	}
	for _, w := range warnings {
		fmt.Fprintln(p.stderr, p.describe(w))
	}
	cfg.Host, cfg.Port, cfg.Pins = gateway.Host, gateway.Port, gateway.Pins()
	if o.root != "" {
		cfg.Pins = nil // trust only the file's roots
		if cfg.Roots, err = readRoots(o.root); err != nil {
			return cfg, problem{locale.BadRoot, o.root}
		}
	}
	dir, err := o.stateDir, error(nil)
	if dir == "" {
		dir, err = client.StateDir()
	}
	cfg.Device = thisDevice(p, dir, err)
	cfg.Trust = client.OpenTrust(dir)
	if o.sso {
		cfg.Tickets = ticket.Own()
		cfg.Login = cfg.Tickets.Person()
		return cfg, nil
	}
	if p.terminal != nil { // do not ask for the password of a server that is not the gateway
		if r := client.Check(ctx, cfg); r.Outcome != client.Answered {
			return cfg, &unusableGateway{r}
		}
	}
	cfg.Password, cfg.NewPassword, err = o.readPasswords(ctx, p)
	return cfg, err
}

// unusableGateway is why there is no use in asking for a password.
type unusableGateway struct{ client.Result }

func (u *unusableGateway) Error() string { return u.Message }

// show prints the reason and returns the exit code.
func (u *unusableGateway) show(p program, o options) int {
	printer(p.stdout, o.json)(client.Status{State: client.Failed, Code: u.Code, Message: u.Message}, nil)
	if o.json || o.debug {
		fmt.Fprintln(p.stderr, u.Err)
	}
	return exitCodes[u.Outcome]
}

// check reports missing and conflicting flags. asks = a terminal asks for the password.
func (o *options) check(gateway settings.Gateway, asks bool) error {
	_, known := locale.Parse(o.lang)
	switch {
	case o.lang != "" && !known:
		return problem{locale.BadLang, o.lang}
	case gateway.Host == "":
		return problem{locale.NoServer, ""}
	case o.sso && (o.login != "" || o.passwordStdin || o.changePassword):
		return problem{locale.SSOAndPassword, ""}
	case o.sso:
	case o.login == "":
		return problem{locale.NoLogin, ""}
	case !utf8.ValidString(o.login):
		return problem{locale.BadLogin, ""}
	case !o.passwordStdin && !asks:
		return problem{locale.NoPasswordStdin, ""}
	}
	if o.given.Pin != "" && o.root != "" {
		return problem{locale.PinAndRoot, ""}
	}
	return o.tunnel.check()
}

// readRoots reads the certificates of a PEM file, or the one of a DER file.
func readRoots(file string) (*x509.CertPool, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if roots.AppendCertsFromPEM(b) {
		return roots, nil
	}
	root, err := x509.ParseCertificate(b)
	if err != nil {
		return nil, fmt.Errorf("no certificate in %s: %w", file, err)
	}
	roots.AddCert(root)
	return roots, nil
}

// thisDevice describes this computer. If the identifier in dir cannot be read or stored, or err says why there is no directory, it
// prints a warning and uses a new identifier for this run.
func thisDevice(p program, dir string, err error) agent.Device {
	device := client.NewDevice()
	if err == nil {
		device, err = client.ThisDevice(dir)
	}
	if err != nil {
		fmt.Fprintln(p.stderr, p.text(locale.DeviceNotKept, "value", p.reason(err)))
	}
	return device
}
