package wireguard

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/ipc"
	"golang.zx2c4.com/wireguard/tun"
	"golang.zx2c4.com/wireguard/wgctrl"
)

// tunLink is wireguard-go of this process on a TUN interface.
type tunLink struct {
	interfaceLink
	control
	dev    *device.Device
	client *wgctrl.Client
	uapi   net.Listener // nil where the process may not make the socket
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
	l := &tunLink{interfaceLink: interfaceLink{c.Name}, control: inside{dev}, dev: dev, client: client}
	if err := l.start(gatewayOf(c.Network)); err != nil {
		return nil, errors.Join(err, l.close())
	}
	l.openSocket(c.Log)
	return l, nil
}

func createTUN(name string) (tun.Device, error) {
	_, err := os.Stat("/dev/net/tun") // CreateTUN does not tell this error from others
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

// openSocket lets wgctrl and wg reach the wireguard-go of this process, where that is permitted.
func (l *tunLink) openSocket(log *slog.Logger) {
	uapi, err := listenUAPI(l.name)
	if err != nil {
		log.Info("wg cannot show the tunnel: its socket was not made", "interface", l.name, "error", err)
		return
	}
	l.uapi = uapi
	go serveUAPI(uapi, l.dev)
	l.control = &either{byName: byName{l.client, l.name}, inside: inside{l.dev}, log: log}
}

func listenUAPI(name string) (net.Listener, error) {
	file, err := ipc.UAPIOpen(name)
	if err != nil {
		return nil, err
	}
	defer file.Close() // the listener has one of its own
	return ipc.UAPIListen(name, file)
}

func serveUAPI(l net.Listener, dev *device.Device) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go dev.IpcHandle(conn)
	}
}

func (l *tunLink) mode() string          { return ModeTUN }
func (l *tunLink) gone() <-chan struct{} { return l.dev.Wait() }

func (l *tunLink) close() error {
	if l.uapi != nil {
		l.uapi.Close() // it reports the socket that somebody else removed
	}
	l.dev.Close()
	return l.client.Close()
}

// steadyTUN keeps from wireguard-go that the interface goes up and down. It would open and close its UDP port each time,
// at moments that nobody controls, and with it forget the port where it was a free one.
type steadyTUN struct {
	tun.Device
	events chan tun.Event
}

func newSteadyTUN(t tun.Device) *steadyTUN {
	s := &steadyTUN{t, make(chan tun.Event)}
	go s.pass()
	return s
}

func (s *steadyTUN) pass() {
	defer close(s.events)
	for e := range s.Device.Events() {
		if e&tun.EventMTUUpdate != 0 {
			s.events <- tun.EventMTUUpdate
		}
	}
}

func (s *steadyTUN) Events() <-chan tun.Event { return s.events }
