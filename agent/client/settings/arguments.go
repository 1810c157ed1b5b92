package settings

import (
	"strings"

	"ideco-agent/agent/client/locale"
)

// Keys of the arguments, as the installer has them too.
const (
	argAddress = "utm_address"
	argPin     = "utm_pin"
)

// Take reads one argument of a command line, utm_address=HOST[:PORT] or utm_pin=PIN with the key in any case. ok is
// false when it is neither. An empty pin is none; an address that is empty, as a variable of a script may be, and
// anything said twice is a *Problem.
func (v *Values) Take(argument string) (ok bool, err error) {
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

// SetAddress takes the address of a command line, which must say one and only once.
func (v *Values) SetAddress(address string) error {
	switch {
	case blank(address):
		return &Problem{Place: CommandLine, Key: locale.NoServer}
	case v.Address != "":
		return &Problem{Place: CommandLine, Key: locale.GivenTwice, Value: "--server, " + argAddress}
	}
	v.Place, v.Address = CommandLine, address
	return nil
}

// SetPin takes the pin of a command line, which must not say two.
func (v *Values) SetPin(pin string) error {
	if v.Pin != "" {
		return &Problem{Place: CommandLine, Key: locale.GivenTwice, Value: "--pin, " + argPin}
	}
	v.Place, v.Pin = CommandLine, pin
	return nil
}
