package systemd

import (
	"errors"
	"net"
	"os"
	"strings"
)

// Listener is a listener under the name that systemd keeps it by: what it serves and where it listens, such as "portal-[__]_8443".
type Listener struct {
	net.Listener
	Serves string // without "-"
}

func (l Listener) name() string {
	return l.Serves + "-" + strings.ReplaceAll(l.Addr().String(), ":", "_") // names have no colon
}

// Keep makes systemd keep the listener until Forget, also while the service restarts. It does not keep it when the service is stopped.
func (m *Manager) Keep(l Listener) error {
	tcp, ok := l.Listener.(*net.TCPListener)
	if m == nil || !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = raw.Control(func(fd uintptr) { sent = m.send([]string{"FDSTORE=1", "FDNAME=" + l.name()}, int(fd)) })
	return errors.Join(err, sent)
}

// Kept returns the listeners that systemd has kept since the process before this one, at the first call only. What is no listener of Keep
// is closed and not kept any longer.
func (m *Manager) Kept() (list []Listener, err error) {
	if m == nil {
		return nil, nil
	}
	var strange []string
	for _, f := range m.kept {
		l, ok := listenerOf(f)
		if ok {
			list = append(list, l)
		} else {
			strange = append(strange, f.Name())
		}
		err = errors.Join(err, f.Close())
	}
	m.kept = nil
	return list, errors.Join(err, m.forget(strange))
}

// listenerOf returns the listener of a descriptor. The caller closes f in any case.
func listenerOf(f *os.File) (Listener, bool) {
	one, err := net.FileListener(f)
	if err != nil {
		return Listener{}, false
	}
	serves, _, _ := strings.Cut(f.Name(), "-")
	l := Listener{one, serves}
	if _, ok := one.(*net.TCPListener); !ok || l.name() != f.Name() {
		_ = one.Close()
		return Listener{}, false
	}
	return l, true
}

// Forget closes listeners, and makes systemd do so. After it their addresses are free.
func (m *Manager) Forget(list []Listener) error {
	var errs []error
	var names []string
	for _, l := range list {
		errs = append(errs, l.Close())
		names = append(names, l.name())
	}
	if m == nil {
		return errors.Join(errs...)
	}
	return errors.Join(append(errs, m.forget(names))...)
}

func (m *Manager) forget(names []string) error {
	if len(names) == 0 {
		return nil
	}
	var errs []error
	for _, name := range names {
		errs = append(errs, m.send([]string{"FDSTOREREMOVE=1", "FDNAME=" + name}))
	}
	return errors.Join(append(errs, m.barrier())...)
}
