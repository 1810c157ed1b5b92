package web

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// claim is the right to keep the table, of which every network namespace has one: two gateways would undo each other's
// rules for ever, and one that has no interfaces chosen would remove those of the other. It ends with the process, however
// that ends.
type claim struct{ held net.Listener }

// claimName stands in no file system but in the network namespace.
const claimName = "@ideco-portal/firewall"

// errKept is why a gateway does not touch the table.
var errKept = errors.New("another ideco-portal, which runs on another data directory, keeps the table; stop it first")

// take takes the right, or keeps it. Errors: errKept. Anybody on this machine can take such a name: who has it without the
// right to change rules keeps no table, and nobody waits for that one. So it is where there are no such sockets.
func (c *claim) take() error {
	if c.held != nil {
		return nil
	}
	l, err := net.Listen("unix", claimName)
	switch {
	case err == nil:
		c.held = l
		go sendAway(l)
	case errors.Is(err, unix.EADDRINUSE):
		if pid, ok := claimant(); ok && mayChangeRules(pid) {
			return fmt.Errorf("%w (process %d)", errKept, pid)
		}
	}
	return nil
}

// sendAway ends the connections of those who ask who has the right, so that they find room.
func sendAway(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return // it is closed
		}
		_ = c.Close()
	}
}

// claimant is the process that has taken the name, as the kernel tells; ok is false when it has just gone, or answers
// nobody, as a gateway does.
func claimant() (pid int, ok bool) {
	c, err := net.Dial("unix", claimName)
	if err != nil {
		return 0, false
	}
	defer c.Close()
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0, false
	}
	var peer *unix.Ucred
	if cerr := raw.Control(func(fd uintptr) { peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); cerr != nil || err != nil {
		return 0, false
	}
	return int(peer.Pid), true
}

// mayChangeRules tells whether a process has CAP_NET_ADMIN. One that cannot be looked at, such as one in another PID
// namespace, counts as if it had.
func mayChangeRules(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return true
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, "CapEff:"); ok {
			set, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			return err != nil || set&(1<<unix.CAP_NET_ADMIN) != 0
		}
	}
	return true
}

// leave gives the right back.
func (c *claim) leave() {
	if c.held != nil {
		_ = c.held.Close()
		c.held = nil
	}
}
