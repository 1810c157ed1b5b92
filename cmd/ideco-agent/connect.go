package main

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
)

// maxPasswordLine is more than any gateway accepts, so that the answer to a long password is the gateway's.
const maxPasswordLine = 4 * agent.MaxPassword // bytes

var exitCodes = map[client.Kind]int{
	client.ByUser:      exitOK,
	client.Refused:     3,
	client.Unreachable: 4,
	client.NotTrusted:  4,
	client.ByGateway:   5,
}

// options are the flags of connect as they were given.
type options struct {
	server, login, pin, root, lang, state string
	passwordStdin, json                   bool
	tunnel                                tunnelOptions
}

func parseOptions(args []string) (o options, rest []string, err error) {
	flags := flag.NewFlagSet("connect", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.server, "server", "", "")
	flags.StringVar(&o.login, "login", "", "")
	flags.BoolVar(&o.passwordStdin, "password-stdin", false, "")
	flags.StringVar(&o.pin, "pin", "", "")
	flags.StringVar(&o.root, "root", "", "")
	flags.BoolVar(&o.json, "json", false, "")
	flags.StringVar(&o.lang, "lang", "", "")
	flags.StringVar(&o.state, "state", "", "")
	o.tunnel.define(flags)
	err = flags.Parse(args)
	return o, flags.Args(), err
}

// problem is what is wrong with the command line: the key of its text and the offending value.
type problem struct{ key, value string }

func (p problem) Error() string { return p.key + " " + p.value }

// connect logs in and stays connected.
func connect(ctx context.Context, p program, args []string) int {
	o, rest, err := parseOptions(args)
	if lang, ok := locale.Parse(o.lang); ok {
		p.lang = lang
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(p.stdout, p.text(locale.Usage))
		return exitOK
	case err != nil:
		return p.usage(locale.BadFlags, err.Error())
	case len(rest) > 0:
		return p.usage(locale.ExtraArgument, rest[0])
	}
	cfg, err := o.config(p)
	var wrong problem
	if errors.As(err, &wrong) {
		return p.usage(wrong.key, wrong.value)
	}
	cfg.Events = printer(p.stdout, o.json)
	cfg.Log = func(text string) { fmt.Fprintln(p.stderr, text) }
	cfg.Tunnel = o.tunnel.open(cfg.Log)
	return exitCodes[client.Run(ctx, cfg).Kind]
}

// config checks the flags and reads what they point to.
func (o *options) config(p program) (client.Config, error) {
	cfg := client.Config{Login: o.login, Lang: p.lang}
	if err := o.check(); err != nil {
		return cfg, err
	}
	var wrong agent.Problem
	if cfg.Host, cfg.Port, wrong = agent.ParseServer(o.server); wrong.Code != "" {
		return cfg, problem{locale.BadServer, o.server}
	}
	var err error
	if o.pin != "" {
		if cfg.Pin, err = client.ParsePin(o.pin); err != nil {
			return cfg, problem{locale.BadPin, o.pin}
		}
	}
	if o.root != "" {
		if cfg.Roots, err = readRoots(o.root); err != nil {
			return cfg, problem{locale.BadRoot, o.root}
		}
	}
	if cfg.Password, err = readPassword(p.stdin); err != nil {
		return cfg, err
	}
	cfg.Device = thisDevice(p, o.state)
	return cfg, nil
}

// check finds what is missing or does not go together.
func (o *options) check() error {
	_, known := locale.Parse(o.lang)
	switch {
	case o.lang != "" && !known:
		return problem{locale.BadLang, o.lang}
	case o.server == "":
		return problem{locale.NoServer, ""}
	case o.login == "":
		return problem{locale.NoLogin, ""}
	case !utf8.ValidString(o.login):
		return problem{locale.BadLogin, ""}
	case !o.passwordStdin:
		return problem{locale.NoPasswordStdin, ""}
	case o.pin != "" && o.root != "":
		return problem{locale.PinAndRoot, ""}
	}
	return o.tunnel.check()
}

func readRoots(file string) (*x509.CertPool, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("no certificate in %s", file)
	}
	return roots, nil
}

// readPassword reads one line, without its end. No line at all is an empty password.
func readPassword(r io.Reader) (string, error) {
	line, err := bufio.NewReaderSize(io.LimitReader(r, maxPasswordLine+3), maxPasswordLine+3).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", problem{locale.PasswordNotRead, err.Error()}
	}
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	if len(line) > maxPasswordLine || !utf8.ValidString(line) {
		return "", problem{locale.BadPassword, ""}
	}
	return line, nil
}

// thisDevice goes on without a lasting identifier rather than not at all: it only tells devices of one person apart.
func thisDevice(p program, dir string) agent.Device {
	var err error
	if dir == "" {
		dir, err = client.StateDir()
	}
	device := client.NewDevice()
	if err == nil {
		device, err = client.ThisDevice(dir)
	}
	if err != nil {
		fmt.Fprintln(p.stderr, p.text(locale.DeviceNotKept, "value", err.Error()))
	}
	return device
}
