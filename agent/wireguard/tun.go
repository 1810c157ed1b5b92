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

// tunLink is a wireguard-go in this process on a TUN interface.
type tunLink struct {
	interfaceLink
	control
	dev    *device.Device
	client *wgctrl.Client
	uapi   *uapi // nil if the process may not create the socket
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

// errNoTUN means that /dev/net/tun is missing or that no driver serves it.
var errNoTUN = errors.New("the kernel has no TUN interfaces")

// checkTUN opens /dev/net/tun, because the errors of CreateTUN do not tell that the device is missing. Errors:
// errNoTUN, fs.ErrPermission.
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

// openSocket creates the UAPI socket, through which wg and wgctrl reach the wireguard-go of this process.
func (l *tunLink) openSocket(log *slog.Logger) {
	socket, err := listenUAPI(l.name)
	if err != nil {
		log.Debug("wg cannot show the tunnel: its socket was not made", "interface", l.name, "error", err)
		return
	}
	l.uapi = serveUAPI(socket, l.dev)
	l.control = &wgctrlFirst{byName: byName{l.client, l.name}, direct: inProcess{l.dev}, log: log}
}

func (l *tunLink) mode() string          { return ModeTUN }
func (l *tunLink) gone() <-chan struct{} { return l.dev.Wait() }

func (l *tunLink) close() error {
	l.dev.Close()
	if l.uapi != nil {
		l.uapi.close() // after the device, so that wgctrlFirst does not report a broken socket
	}
	return l.client.Close()
}

// steadyTUN hides from wireguard-go that the interface goes up and down. wireguard-go would close and open its UDP port
// each time, and get another port if it was a free one.
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

// pass forwards MTU events until the interface is closed. After Close nobody needs to receive them.
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
