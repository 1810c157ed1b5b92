package wireguard

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"

	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun"
	"golang.zx2c4.com/wireguard/wgctrl"
)

// tunLink is wireguard-go of this process on a TUN interface.
type tunLink struct {
	interfaceLink
	control
	dev    *device.Device
	client *wgctrl.Client
	uapi   *uapi // nil where the process may not make the socket
}

func openTUN(c Config, secret privateKey) (link, error) {
	client, err := wgctrl.New()
	if err != nil {
		return nil, fmt.Errorf("reaching WireGuard: %w", err)
	}
	if err := errors.Join(clearLeftover(client, c.Name, secret, c.Log), checkSocket(c.Name)); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	t, err := createTUN(c.Name)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	dev, err := startGo(newSteadyTUN(t), c, secret)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	l := &tunLink{interfaceLink: interfaceLink{c.Name}, control: inProcess{dev}, dev: dev, client: client}
	if err := l.start(gatewayOf(c.Network)); err != nil {
		return nil, errors.Join(err, l.close())
	}
	l.openSocket(c.Log)
	return l, nil
}

func createTUN(name string) (tun.Device, error) {
	err := checkTUN()
	if err == nil {
		var t tun.Device
		if t, err = tun.CreateTUN(name, MTU); err == nil {
			return t, nil
		}
	}
	if errors.Is(err, unix.EBUSY) {
		return nil, fmt.Errorf("there is an interface of this name already: %w", errForeign)
	}
	return nil, fmt.Errorf("making a TUN interface: %w", err)
}

// errNoTUN says that this machine has no TUN interfaces now.
var errNoTUN = errors.New("the kernel has no TUN interfaces")

// checkTUN opens /dev/net/tun, because CreateTUN does not tell a missing device from other errors. Errors: errNoTUN,
// fs.ErrPermission.
func checkTUN() error {
	f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err == nil {
		return f.Close()
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) {
		return fmt.Errorf("%w: %w", errNoTUN, err)
	}
	return err
}

// openSocket lets wgctrl and wg reach the wireguard-go of this process, where that is permitted.
func (l *tunLink) openSocket(log *slog.Logger) {
	socket, err := listenUAPI(l.name)
	if err != nil {
		log.Info("wg cannot show the tunnel: its socket was not made", "interface", l.name, "error", err)
		return
	}
	l.uapi = serveUAPI(socket, l.dev)
	l.control = &wgctrlFirst{byName: byName{l.client, l.name}, inside: inProcess{l.dev}, log: log}
}

func (l *tunLink) mode() string          { return ModeTUN }
func (l *tunLink) gone() <-chan struct{} { return l.dev.Wait() }

func (l *tunLink) close() error {
	l.dev.Close()
	if l.uapi != nil {
		l.uapi.close() // after the device, so that nobody takes a connection that is cut for a socket that broke
	}
	return l.client.Close()
}

// steadyTUN keeps from wireguard-go that the interface goes up and down. It would open and close its UDP port each time,
// at moments that nobody controls, and with it forget the port where it was a free one.
type steadyTUN struct {
	tun.Device
	events    chan tun.Event
	done      chan struct{} // closed by Close
	closeOnce sync.Once
}

func newSteadyTUN(t tun.Device) *steadyTUN {
	s := &steadyTUN{Device: t, events: make(chan tun.Event), done: make(chan struct{})}
	go s.pass()
	return s
}

// pass passes events on until the interface has no more, which its Close brings about. Nobody has to take them then.
func (s *steadyTUN) pass() {
	defer close(s.events)
	for e := range s.Device.Events() {
		if e&tun.EventMTUUpdate == 0 {
			continue
		}
		select {
		case s.events <- tun.EventMTUUpdate:
		case <-s.done:
		}
	}
}

func (s *steadyTUN) Events() <-chan tun.Event { return s.events }

func (s *steadyTUN) Close() error {
	s.closeOnce.Do(func() { close(s.done) })
	return s.Device.Close()
}
