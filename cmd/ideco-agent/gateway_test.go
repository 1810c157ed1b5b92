package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/settings"
)

// refusing starts a gateway that refuses each login.
func refusing(t *testing.T) *gatewaytest.Gateway {
	return gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		c.Refuse("bad_credentials", "Wrong.", 0)
		c.Wait()
	})
}

// address returns the gateway's address as in the settings.
func address(g *gatewaytest.Gateway) string {
	return settings.Gateway{Host: g.Host, Port: g.Port}.String()
}

func set(p settings.Source, address, pin string) settings.Setting {
	return settings.Setting{Source: p, Address: address, Pin: pin}
}

// runWith runs connect in this process, with the settings of a registry.
func runWith(t *testing.T, registry settings.Registry, lang locale.Lang, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	var out, diagnostics bytes.Buffer
	args = append([]string{"connect", "--login", "ivanov", "--password-stdin", "--state", t.TempDir()}, args...)
	code = run(ctx, program{args, strings.NewReader("secret\n"), &out, &diagnostics, lang, registry, nil, nil, command{}})
	return code, out.String(), diagnostics.String()
}

// utm_address= and utm_pin= are allowed before, between and after the flags.
func TestConnectByArguments(t *testing.T) {
	g := refusing(t)
	at, pin := "utm_address="+address(g), "UTM_PIN="+g.Root.Pin()
	for _, args := range [][]string{
		{"connect", at, pin, "--login", "ivanov", "--password-stdin"},
		{"connect", "--login", "ivanov", at, "--password-stdin", pin},
		{"connect", "--login", "ivanov", "--password-stdin", "--pin", g.Root.Pin(), "--", strings.ToUpper(at)},
	} {
		if out := start(t, "x\n", args...).exit(3); !strings.Contains(out, "Wrong.") {
			t.Errorf("%q: %q", args, out)
		}
	}
}

func TestConnectSources(t *testing.T) {
	g, other := refusing(t), refusing(t)
	root, der := filepath.Join(t.TempDir(), "root.pem"), filepath.Join(t.TempDir(), "ideco-root.crt")
	block, _ := pem.Decode(g.Root.PEM())
	if err := errors.Join(os.WriteFile(root, g.Root.PEM(), 0o600), os.WriteFile(der, block.Bytes, 0o600)); err != nil {
		t.Fatal(err)
	}
	here, pin, elsewhere, otherPin := address(g), g.Root.Pin(), address(other), other.Root.Pin()
	preset := settings.Registry{Installer: set(settings.Installer, here, pin)}
	policy := settings.Registry{Policy: set(settings.Policy, here, pin), Installer: set(settings.Installer, elsewhere, otherPin)}
	for _, c := range []struct {
		name     string
		registry settings.Registry
		args     []string
		code     int
		server   string
		says     string // on standard error; "" = nothing about the settings
	}{
		{"preset", preset, nil, 3, here, ""},
		{"line over preset", preset, []string{"--server", elsewhere, "--pin", otherPin}, 3, elsewhere, ""},
		{"another address drops the pin", preset, []string{"utm_address=" + elsewhere}, 4, elsewhere, ""},
		{"the same address keeps it", preset, []string{"utm_address=" + here}, 3, here, ""},
		{"a pin alone", preset, []string{"--pin", otherPin}, 3, here, "The pin on the command line is ignored"},
		{"roots in place of the pin", settings.Registry{Installer: set(settings.Installer, here, otherPin)}, []string{"--root", root}, 3, here, ""},
		{"the root from My account, which is DER", settings.Registry{Installer: set(settings.Installer, here, otherPin)}, []string{"--root", der}, 3, here, ""},
		{"no roots besides those of the file", settings.Registry{Installer: set(settings.Installer, elsewhere, otherPin)}, []string{"--root", root}, 4, elsewhere, ""},
		{"policy over preset", policy, nil, 3, here, ""},
		{"policy over line", policy, []string{"--server", elsewhere, "--pin", otherPin}, 3, here, "policy sets the gateway: " + here + "."},
	} {
		code, stdout, stderr := runWith(t, c.registry, locale.English, c.args...)
		if code != c.code || !strings.Contains(stdout, c.server) {
			t.Errorf("%s: exit %d, want %d: %s%s", c.name, code, c.code, stdout, stderr)
		}
		if !strings.Contains(stderr, c.says) || c.says == "" && (strings.Contains(stderr, "pin") || strings.Contains(stderr, "policy")) {
			t.Errorf("%s: %q", c.name, stderr)
		}
	}
}

// An error in the settings names their source, and the program connects to no gateway.
func TestWrongSettings(t *testing.T) {
	g := refusing(t)
	good := set(settings.Installer, address(g), g.Root.Pin())
	for _, c := range []struct {
		name     string
		registry settings.Registry
		args     []string
		says     []string
	}{
		{"no gateway", settings.Registry{}, nil, []string{"Укажите шлюз", "--server"}},
		{"a pin alone", settings.Registry{}, []string{"--pin", g.Root.Pin()}, []string{"Укажите шлюз"}},
		{"policy", settings.Registry{Policy: set(settings.Policy, "https://gw", ""), Installer: good}, []string{"--server", address(g)},
			[]string{`в политике организации (HKLM\Software\Policies\Ideco\Agent)`, "https://gw"}},
		{"policy's pin", settings.Registry{Policy: set(settings.Policy, address(g), "x"), Installer: good}, nil,
			[]string{"Отпечаток в политике организации", ": x."}},
		{"policy unread", settings.Registry{Policy: settings.Setting{Source: settings.Policy, Err: errors.New("no access")}, Installer: good}, nil,
			[]string{"Не удалось прочитать", "в политике организации", "no access"}},
		{"line", settings.Registry{Installer: good}, []string{"utm_address=gw:0"}, []string{"в командной строке", "gw:0"}},
		{"line's pin", settings.Registry{Installer: good}, []string{"utm_address=gw", "utm_pin=abc"}, []string{"в командной строке", "abc"}},
		{"an empty address", settings.Registry{Installer: good}, []string{"utm_address="}, []string{"utm_address="}},
		{"an empty flag", settings.Registry{Installer: good}, []string{"--server", ""}, []string{"--server"}},
		{"two addresses", settings.Registry{}, []string{"utm_address=gw", "--server", "gw"}, []string{"дважды", "utm_address"}},
		{"two pins", settings.Registry{}, []string{"--server", "gw", "utm_pin=x", "--pin", "y"}, []string{"дважды", "utm_pin"}},
		{"pin and roots", settings.Registry{}, []string{"utm_address=gw", "utm_pin=" + g.Root.Pin(), "--root", "root.pem"}, []string{"--pin или --root"}},
		{"installer", settings.Registry{Installer: set(settings.Installer, "-", "=")}, nil, []string{"от установщика", ": -."}},
		{"more", settings.Registry{Installer: good}, []string{"utm_address=gw", "more", "utm_pin=x"}, []string{"Лишнее", "more"}},
	} {
		code, stdout, stderr := runWith(t, c.registry, locale.Russian, c.args...)
		if code != exitUsage || stdout != "" {
			t.Errorf("%s: exit %d: %s%s", c.name, code, stdout, stderr)
		}
		for _, says := range c.says {
			if !strings.Contains(stderr, says) {
				t.Errorf("%s: %q", c.name, stderr)
			}
		}
	}
}

func TestHelpNamesGatewaySources(t *testing.T) {
	for _, lang := range []locale.Lang{locale.Russian, locale.English} {
		_, help, _ := runWith(t, settings.Registry{}, lang, "--help")
		for _, says := range []string{"[--server", "utm_address=", "utm_pin=", `HKLM\Software\Policies\Ideco\Agent`, `HKLM\Software\Ideco\Agent`} {
			if !strings.Contains(help, says) {
				t.Errorf("%s: the help has no %s", lang, says)
			}
		}
	}
}

// parseOptions does not panic, and each value that it returns is part of the command line.
func FuzzParseOptions(f *testing.F) {
	for _, line := range []string{
		"--server\ngw\n--pin\nx", "utm_address=gw\n--login\nivanov\nutm_pin=", "--login\nutm_address=gw", "--\nutm_address=a\n--json",
		"utm_address=a\nutm_address=b", "--server=\n-h", "--json=perhaps\nmore", "",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		o, rest, err := parseOptions(strings.Split(line, "\n"))
		if err != nil {
			return
		}
		for _, taken := range []string{o.given.Address, o.given.Pin, o.login, o.root, strings.Join(rest, "\n")} {
			if !strings.Contains(line, taken) {
				t.Errorf("%q in %q", taken, line)
			}
		}
		if o.given.Source != settings.CommandLine {
			t.Errorf("%+v", o.given)
		}
	})
}
