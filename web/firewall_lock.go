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

// tableLock allows one gateway in a network namespace to maintain the firewall's table. Two gateways would overwrite each
// other's rules, and one without chosen interfaces would remove those of the other. The lock ends with the process.
type tableLock struct{ held net.Listener }

// tableLockName is an abstract socket address, which belongs to the network namespace.
const tableLockName = "@ideco-portal/firewall"

// errTableHeld means that another gateway holds the lock.
var errTableHeld = message("another ideco-portal, which runs on another data directory, keeps the table; stop it first")

// take takes the lock if this process does not hold it. Errors: errTableHeld. Any user can bind the name, but a process without
// CAP_NET_ADMIN cannot change the table, so its lock is ignored. Kernels without abstract sockets have no lock.
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
			return message("%w (process %d)", errTableHeld, pid)
		}
	}
	return nil
}

// closeAccepted closes the connections of tableLockHolder in other processes, so that the backlog does not fill up.
func closeAccepted(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return // it is closed
		}
		_ = c.Close()
	}
}

// tableLockHolder returns the process that holds the lock; ok is false if it has just ended or its backlog is full.
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

// mayChangeRules reports whether a process has CAP_NET_ADMIN. A process that cannot be inspected, such as one in another
// PID namespace, counts as having it.
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

func (l *tableLock) release() {
	if l.held != nil {
		_ = l.held.Close()
		l.held = nil
	}
}
