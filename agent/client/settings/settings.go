// Package settings finds the gateway that the agent program uses. Several sources may name one; the first in this
// order counts:
//
//	policy        HKLM\Software\Policies\Ideco\Agent, values UtmAddress and UtmPin
//	command line  utm_address=HOST[:PORT] and utm_pin=PIN with the key in any case, or --server and --pin
//	typed         HKCU\Software\Ideco\Agent, value Address, typed in the window (see Personal)
//	installer     HKLM\Software\Ideco\Agent, values UtmAddress and UtmPin, written by IdecoAgent.msi
//
// Only policy and installer come from administrators (see Registry.Names). Only a gateway from these two may change the
// computer for all its users, as a VPN does.
//
// A pin belongs to the address beside it and is ignored without one. The pin of a lower source counts only when that
// source names the same gateway, with the same port. Malformed settings in the source that counts are an error; the
// next source is not tried, because a mistyped policy must not send a password elsewhere.
package settings

import (
	"net"
	"strconv"
	"strings"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
)

// Source is a source of settings. Its value is the locale key of its name.
type Source string

// Sources, the highest first.
const (
	Policy      Source = locale.InPolicy
	CommandLine Source = locale.OnCommandLine
	Typed       Source = locale.TypedInWindow
	Installer   Source = locale.FromInstaller
)

// Setting is the setting of one source, unparsed. Blank = not set.
type Setting struct {
	Source  Source
	Address string // HOST[:PORT], see agent.ParseServer
	Pin     string // see client.ParsePin
	Err     error  // why the source could not be read; Address and Pin are blank then
}

// Gateway is the gateway to use. An empty Host means that no source names one.
type Gateway struct {
	Host   string // as agent.ParseServer returns it
	Port   uint16
	Pin    *client.Pin // nil = none
	Source Source      // that named it
}

// String returns the host, with the port unless it is the default.
func (g Gateway) String() string {
	if g.Port == agent.DefaultAgentPort {
		return g.Host
	}
	return net.JoinHostPort(g.Host, strconv.Itoa(int(g.Port)))
}

// Pins returns the pin as a list for client.Config.
func (g Gateway) Pins() []client.Pin {
	if g.Pin == nil {
		return nil
	}
	return []client.Pin{*g.Pin}
}

// Problem is an error in the settings of a source. Key is the locale key of its text, which shows Value.
type Problem struct {
	Source Source
	Key    string
	Value  string
	Err    error // cause, or nil
}

func (p *Problem) Error() string {
	s := string(p.Source) + ": " + p.Key + " " + agent.Clean(p.Value, 200)
	if p.Err != nil {
		s += ": " + p.Err.Error()
	}
	return s
}

func (p *Problem) Unwrap() error { return p.Err }

// ChooseGateway returns the gateway of the first source that names one. Warnings are problems that the person should see
// although a gateway was found. An error is a *Problem.
func ChooseGateway(list ...Setting) (g Gateway, warnings []*Problem, err error) {
	for _, v := range list {
		if blank(v.Address) && !blank(v.Pin) {
			warnings = append(warnings, &Problem{Source: v.Source, Key: locale.PinAlone, Value: v.Pin})
		}
	}
	for i, v := range list {
		if v.Err != nil {
			return Gateway{}, warnings, &Problem{v.Source, locale.NotRead, v.Err.Error(), v.Err}
		}
		if blank(v.Address) {
			continue
		}
		if g, err = v.gateway(list[i+1:]); err != nil {
			return Gateway{}, warnings, err
		}
		return g, append(warnings, g.policyWarnings(list[i+1:])...), nil
	}
	return Gateway{}, warnings, nil
}

// gateway parses the gateway of v. Its pin may come from a lower source.
func (v Setting) gateway(lower []Setting) (Gateway, error) {
	g := Gateway{Source: v.Source}
	var wrong agent.Problem
	if g.Host, g.Port, wrong = agent.ParseServer(v.Address); wrong.Code != "" {
		return g, &Problem{Source: v.Source, Key: locale.BadServer, Value: v.Address}
	}
	for _, from := range append([]Setting{v}, lower...) {
		if blank(from.Pin) || !g.isNamedBy(from) {
			continue
		}
		var err error
		if g.Pin, err = client.ParsePin(strings.TrimSpace(from.Pin)); err != nil {
			return g, &Problem{from.Source, locale.BadPin, from.Pin, err}
		}
		break
	}
	return g, nil
}

// isNamedBy reports whether v names the same host and port.
func (g Gateway) isNamedBy(v Setting) bool {
	host, port, wrong := agent.ParseServer(v.Address)
	return wrong.Code == "" && host == g.Host && port == g.Port
}

// policyWarnings returns a warning when the policy's gateway differs from the one on the command line. Other differences
// between sources are normal.
func (g Gateway) policyWarnings(lower []Setting) []*Problem {
	if g.Source != Policy {
		return nil
	}
	for _, v := range lower {
		if v.Source == CommandLine && !blank(v.Address) && !(g.isNamedBy(v) && g.isPinnedBy(v)) {
			return []*Problem{{Source: v.Source, Key: locale.PolicyWins, Value: g.String()}}
		}
	}
	return nil
}

// isPinnedBy reports whether v has the same pin or none.
func (g Gateway) isPinnedBy(v Setting) bool {
	if blank(v.Pin) {
		return true
	}
	pin, err := client.ParsePin(strings.TrimSpace(v.Pin))
	return err == nil && g.Pin != nil && *pin == *g.Pin
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }
