package web

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

// claim is the right to keep the table, of which every network namespace has one: two gateways would undo each other's
// rules for ever, and one that has no interfaces chosen would remove those of the other. It ends with the process, however
// that ends.
type claim struct{ held net.Listener }

// claimName stands in no file system but in the network namespace. Nobody connects to it.
const claimName = "@ideco-portal/firewall"

// errKept is why a gateway does not touch the table.
var errKept = errors.New("another ideco-portal, which runs on another data directory, keeps the table; stop it first")

// take takes the right, or keeps it. Errors: errKept. Where there are no such sockets nobody can be asked.
func (c *claim) take() error {
	if c.held != nil {
		return nil
	}
	l, err := net.Listen("unix", claimName)
	if errors.Is(err, unix.EADDRINUSE) {
		return errKept
	}
	if err == nil {
		c.held = l
	}
	return nil
}

// leave gives the right back.
func (c *claim) leave() {
	if c.held != nil {
		_ = c.held.Close()
		c.held = nil
	}
}
