package agent

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
)

// Everything reports whether the rights send all traffic into the tunnel.
func (r Rights) Everything() bool { return hasEverything(r.ForwardNets) }

func hasEverything(nets []netip.Prefix) bool {
	for _, n := range nets {
		if n.Bits() == 0 {
			return true
		}
	}
	return false
}

// RightsNumbers returns the SessionNumbers that accounts and groups can set as well.
func RightsNumbers() (list []NumberSetting) {
	for _, n := range SessionNumbers {
		if n.Name != "grace_seconds" {
			list = append(list, n)
		}
	}
	return list
}

// Right returns the value that the rights set, in n.Unit, or nil if they do not set it. n is one of RightsNumbers.
func (n NumberSetting) Right(r Rights) *float64 {
	s := r.settings()
	if n.raw(&s) == 0 {
		return nil
	}
	value := n.Get(&s)
	return &value
}

// SetRight sets the right to a value in n.Unit. Nil makes it inherited.
func (n NumberSetting) SetRight(r *Rights, value *float64) Problem {
	s, v := r.settings(), 0.0
	if value != nil {
		v = *value
	}
	if value != nil && (v < n.Min || v > n.Max || !n.Fraction && v != math.Trunc(v)) {
		return Problem{n.Name, n.Code, ""}
	}
	n.Set(&s, v)
	r.SessionLAN, r.SessionVPN, r.Devices = s.SessionLAN, s.SessionVPN, s.DevicesPerUser
	return Problem{}
}

// RightText returns the value as text for the form field; empty if the rights do not set it.
func (n NumberSetting) RightText(r Rights) string {
	value := n.Right(r)
	if value == nil {
		return ""
	}
	return strconv.FormatFloat(*value, 'f', -1, 64)
}

// ParseRight sets the right from the text of the form field. Empty text makes it inherited.
func (n NumberSetting) ParseRight(r *Rights, text string) Problem {
	if strings.TrimSpace(text) == "" {
		return n.SetRight(r, nil)
	}
	var s Settings
	if problem := n.Parse(&s, text); problem.Code != "" {
		return problem
	}
	value := n.Get(&s)
	return n.SetRight(r, &value)
}

// settings returns Settings with these rights, on which the methods of NumberSetting work.
func (r Rights) settings() Settings {
	return Settings{SessionLAN: r.SessionLAN, SessionVPN: r.SessionVPN, DevicesPerUser: r.Devices}
}
