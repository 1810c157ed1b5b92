// Package settings finds out which gateway the agent program belongs to. Several places may name one; the first in
// this order counts:
//
//	policy        HKLM\Software\Policies\Ideco\Agent, values UtmAddress and UtmPin
//	command line  utm_address=HOST[:PORT] and utm_pin=PIN with the key in any case, or --server and --pin
//	typed         HKCU\Software\Ideco\Agent, value Address, which a person wrote into the window (see Personal)
//	installer     HKLM\Software\Ideco\Agent, values UtmAddress and UtmPin, which IdecoAgent.msi writes
//
// Only policy and the installer are the administrators' word (see Registry.Vouches): what has to do with everybody who
// uses the computer, such as a VPN, goes to a gateway that they named and to no other.
//
// Address and pin travel together. A pin without an address beside it is ignored, and the pin of a lower place counts
// only where that place names the same gateway, port included. What is malformed in the place that counts is an error
// and never a reason to go on to the next place: a mistyped policy must not send a password elsewhere.
//
// The package is also built for Windows 8 with Go 1.20 and keeps to that language and library.
package settings

import (
	"net"
	"strconv"
	"strings"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
)

// Place is where something about the gateway stands. It is the key of its name in package locale.
type Place string

// Places, the highest first.
const (
	Policy      Place = locale.InPolicy
	CommandLine Place = locale.OnCommandLine
	Typed       Place = locale.TypedInWindow
	Installer   Place = locale.FromInstaller
)

// Values are what one place says, as it is written there. Blank ones say nothing.
type Values struct {
	Place   Place
	Address string // HOST[:PORT], see agent.ParseServer
	Pin     string // see client.ParsePin
	Err     error  // why the place could not be read; Address and Pin are blank then
}

// Gateway is the one that counts. Without a Host no place names any.
type Gateway struct {
	Host  string // as agent.ParseServer returns it
	Port  uint16
	Pin   *client.Pin // nil = none
	Place Place       // that named it
}

// String is the gateway as a person would write it.
func (g Gateway) String() string {
	if g.Port == agent.DefaultAgentPort {
		return g.Host
	}
	return net.JoinHostPort(g.Host, strconv.Itoa(int(g.Port)))
}

// Problem is what is wrong with a place: Key is that of a text in package locale and Value what the text repeats.
type Problem struct {
	Place Place
	Key   string
	Value string
	Err   error // more of it for diagnostics, or nil
}

func (p *Problem) Error() string {
	s := string(p.Place) + ": " + p.Key + " " + agent.Clean(p.Value, 200)
	if p.Err != nil {
		s += ": " + p.Err.Error()
	}
	return s
}

// Unwrap gives Err.
func (p *Problem) Unwrap() error { return p.Err }

// Choose picks the gateway from the places, the highest first. Warnings are problems that do not stand in its way; a
// person should be told them all the same. An error is a *Problem.
func Choose(places ...Values) (g Gateway, warnings []*Problem, err error) {
	for _, v := range places {
		if blank(v.Address) && !blank(v.Pin) {
			warnings = append(warnings, &Problem{Place: v.Place, Key: locale.PinAlone, Value: v.Pin})
		}
	}
	for i, v := range places {
		if v.Err != nil {
			return Gateway{}, warnings, &Problem{v.Place, locale.NotRead, v.Err.Error(), v.Err}
		}
		if blank(v.Address) {
			continue
		}
		if g, err = v.gateway(places[i+1:]); err != nil {
			return Gateway{}, warnings, err
		}
		return g, append(warnings, g.overruled(places[i+1:])...), nil
	}
	return Gateway{}, warnings, nil
}

// gateway is the one that v names, with the pin that a lower place may have for it.
func (v Values) gateway(lower []Values) (Gateway, error) {
	g := Gateway{Place: v.Place}
	var wrong agent.Problem
	if g.Host, g.Port, wrong = agent.ParseServer(v.Address); wrong.Code != "" {
		return g, &Problem{Place: v.Place, Key: locale.BadServer, Value: v.Address}
	}
	for _, from := range append([]Values{v}, lower...) {
		if blank(from.Pin) || !g.isNamedBy(from) {
			continue
		}
		var err error
		if g.Pin, err = client.ParsePin(strings.TrimSpace(from.Pin)); err != nil {
			return g, &Problem{from.Place, locale.BadPin, from.Pin, err}
		}
		break
	}
	return g, nil
}

// isNamedBy compares what is meant, not how it is written.
func (g Gateway) isNamedBy(v Values) bool {
	host, port, wrong := agent.ParseServer(v.Address)
	return wrong.Code == "" && host == g.Host && port == g.Port
}

// overruled says that a person asked in vain for something else than the policy wants. Elsewhere it is the very sense
// of a higher place that a lower one does not count.
func (g Gateway) overruled(lower []Values) []*Problem {
	if g.Place != Policy {
		return nil
	}
	for _, v := range lower {
		if v.Place == CommandLine && !blank(v.Address) && !(g.isNamedBy(v) && g.isPinnedBy(v)) {
			return []*Problem{{Place: v.Place, Key: locale.PolicyWins, Value: g.String()}}
		}
	}
	return nil
}

// isPinnedBy tells whether v asks for no other pin.
func (g Gateway) isPinnedBy(v Values) bool {
	if blank(v.Pin) {
		return true
	}
	pin, err := client.ParsePin(strings.TrimSpace(v.Pin))
	return err == nil && g.Pin != nil && *pin == *g.Pin
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }
