package settings

import (
	"strings"

	"ideco-agent/agent/client/locale"
)

// Keys of the arguments. The installer has the same properties.
const (
	argAddress = "utm_address"
	argPin     = "utm_pin"
)

// ReadArgument reads one argument of a command line, utm_address=HOST[:PORT] or utm_pin=PIN with the key in any case. ok is
// false for any other argument. An empty pin is ignored. An empty address, for instance from an unset variable of a
// script, and a repeated key are a *Problem.
func (v *Setting) ReadArgument(argument string) (ok bool, err error) {
	key, value, _ := strings.Cut(argument, "=")
	if len(key) == len(argument) {
		return false, nil
	}
	switch strings.ToLower(key) {
	case argAddress:
		return true, v.SetAddress(value)
	case argPin:
		return true, v.SetPin(value)
	}
	return false, nil
}

// SetAddress sets the address from a command line. An empty or second address is a *Problem.
func (v *Setting) SetAddress(address string) error {
	switch {
	case blank(address):
		return &Problem{Source: CommandLine, Key: locale.NoServer}
	case v.Address != "":
		return &Problem{Source: CommandLine, Key: locale.GivenTwice, Value: "--server, " + argAddress}
	}
	v.Source, v.Address = CommandLine, address
	return nil
}

// SetPin sets the pin from a command line. A second pin is a *Problem.
func (v *Setting) SetPin(pin string) error {
	if v.Pin != "" {
		return &Problem{Source: CommandLine, Key: locale.GivenTwice, Value: "--pin, " + argPin}
	}
	v.Source, v.Pin = CommandLine, pin
	return nil
}
