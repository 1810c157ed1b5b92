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

// tableLock makes one gateway keep the firewall's table of a network namespace. Two gateways would undo each other's rules
// for ever, and one without chosen interfaces would remove the rules of the other. The lock ends with the process.
type tableLock struct{ held net.Listener }

// tableLockName is an abstract socket address, which belongs to the network namespace.
const tableLockName = "@ideco-portal/firewall"

// errKept is why a gateway does not touch the table.
var errKept = errors.New("another ideco-portal, which runs on another data directory, keeps the table; stop it first")

// take takes the lock, or keeps it. Errors: errKept. Every user of the machine can bind the name, but a process without
// CAP_NET_ADMIN cannot keep the table, so its lock is ignored. Kernels without abstract sockets have no lock.
func (l *tableLock) take() error {
	if l.held != nil {
		return nil
	}
	held, err := net.Listen("unix", tableLockName)
	switch {
	case err == nil:
		l.held = held
		go closeAccepted(held)
	case errors.Is(err, unix.EADDRINUSE):
		if pid, ok := tableLockHolder(); ok && mayChangeRules(pid) {
			return fmt.Errorf("%w (process %d)", errKept, pid)
		}
	}
	return nil
}

// closeAccepted closes the connections of processes that ask for the holder, so that the backlog does not fill up.
func closeAccepted(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return // it is closed
		}
		_ = c.Close()
	}
}

// tableLockHolder is the process that holds the lock; ok is false when it has just gone or its backlog is full.
func tableLockHolder() (pid int, ok bool) {
	c, err := net.Dial("unix", tableLockName)
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

// release gives the lock back.
func (l *tableLock) release() {
	if l.held != nil {
		_ = l.held.Close()
		l.held = nil
	}
}
