package wireguard

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/wgctrl"
	"golang.zx2c4.com/wireguard/wgctrl/wgtypes"
)

// kernelLink is a link of the kernel's own WireGuard.
type kernelLink struct {
	interfaceLink
	byName
}

func openKernel(c Config, secret privateKey) (link, error) {
	client, err := wgctrl.New()
	if err != nil {
		return nil, fmt.Errorf("reaching WireGuard: %w", err)
	}
	l := &kernelLink{interfaceLink{c.Name}, byName{client, c.Name}}
	if err := l.open(c, secret); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return l, nil
}

func (l *kernelLink) open(c Config, secret privateKey) error {
	err := l.add()
	if errors.Is(err, unix.EEXIST) {
		if err := clearLeftover(l.client, c.Name, secret, c.Log); err != nil {
			return err
		}
		err = l.add()
	}
	if err != nil {
		return err
	}
	if err := l.setUp(c, secret); err != nil {
		return errors.Join(err, l.remove())
	}
	return nil
}

// add makes the interface. Errors: errNoKernel.
func (l *kernelLink) add() error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU = l.interfaceLink.name, MTU
	err := netlink.LinkAdd(&netlink.Wireguard{LinkAttrs: attrs})
	if errors.Is(err, unix.EOPNOTSUPP) {
		return errNoKernel
	}
	if err != nil {
		return fmt.Errorf("making a link of the kernel's WireGuard: %w", err)
	}
	return nil
}

// setUp sets the port first, because the kernel opens it when the link comes up.
func (l *kernelLink) setUp(c Config, secret privateKey) error {
	port := int(c.Port)
	if err := l.configure(wgtypes.Config{PrivateKey: secret.wgKey(), ListenPort: &port}); err != nil {
		return fmt.Errorf("configuring WireGuard: %w", err)
	}
	return l.start(gatewayOf(c.Network))
}

func (l *kernelLink) remove() error {
	dev, err := netlink.LinkByName(l.interfaceLink.name)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return nil
	}
	if err != nil {
		return err
	}
	return netlink.LinkDel(dev)
}

func (l *kernelLink) mode() string          { return ModeKernel }
func (l *kernelLink) gone() <-chan struct{} { return nil }
func (l *kernelLink) close() error          { return errors.Join(l.remove(), l.client.Close()) }
