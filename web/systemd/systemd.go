// Package systemd is what the gateway and systemd tell each other: the state of the service (sd_notify(3)), its watchdog, and the listeners
// that systemd keeps while the service restarts (the descriptor store, systemd.service(5)).
package systemd

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// Manager is systemd. The methods of nil do nothing.
type Manager struct {
	socket   string // of sd_notify(3)
	watchdog time.Duration
	kept     []*os.File
}

// Open reads what systemd tells this process in its environment, and removes it there, so that other programs that this one starts do not
// take it for theirs. It returns nil if systemd does not wait for notifications.
func Open() (*Manager, error) {
	kept := activation.Files(true)
	watchdog, err := daemon.SdWatchdogEnabled(true)
	if err != nil {
		return nil, fmt.Errorf("read the interval of systemd's watchdog: %w", err)
	}
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		for _, f := range kept {
			_ = f.Close()
		}
		return nil, nil
	}
	return &Manager{socket: socket, watchdog: watchdog, kept: kept}, os.Unsetenv("NOTIFY_SOCKET")
}

// Watchdog returns the longest time between two "WATCHDOG=1"; 0 = there is no watchdog.
func (m *Manager) Watchdog() time.Duration {
	if m == nil {
		return 0
	}
	return m.watchdog
}

// sendTimeout limits how long systemd may leave a message unread.
const sendTimeout = 5 * time.Second

// Notify sends assignments such as "READY=1".
func (m *Manager) Notify(assignments ...string) error {
	if m == nil {
		return nil
	}
	return m.send(assignments)
}

// Reloading says that a reload has begun. READY=1 ends it.
func (m *Manager) Reloading() error {
	if m == nil {
		return nil
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return fmt.Errorf("read the monotonic clock: %w", err)
	}
	return m.Notify("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000))
}

// barrier waits until systemd has processed all messages before it.
func (m *Manager) barrier() error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	err = m.send([]string{"BARRIER=1"}, int(write.Fd()))
	if err := errors.Join(err, write.Close(), read.SetReadDeadline(time.Now().Add(sendTimeout))); err != nil {
		return err
	}
	if _, err := read.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("systemd has not processed the messages in time: %w", err)
	}
	return nil // systemd has closed its end
}

// send sends one message, with descriptors if there are any. Package net refuses to send descriptors through a connected socket.
func (m *Manager) send(assignments []string, descriptors ...int) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a socket to systemd: %w", err)
	}
	defer unix.Close(fd)
	timeout := unix.NsecToTimeval(int64(sendTimeout))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeout); err != nil {
		return fmt.Errorf("limit the time for a message to systemd: %w", err)
	}
	var rights []byte
	if len(descriptors) > 0 {
		rights = unix.UnixRights(descriptors...)
	}
	text := []byte(strings.Join(assignments, "\n"))
	for { // a signal of the Go runtime may interrupt it
		err := unix.Sendmsg(fd, text, rights, &unix.SockaddrUnix{Name: m.socket}, unix.MSG_NOSIGNAL)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("tell systemd %s: %w", assignments[0], err)
		}
	}
}
