package wireguard

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"regexp"

	"golang.org/x/sys/unix"

	"ideco-agent/agent"
)

// link is a WireGuard interface of one of the modes.
type link interface {
	control
	mode() string
	// renumber changes the address of the interface. Connections to the old address end.
	renumber(from, to netip.Prefix) error
	// listen opens a TCP port for connections through the tunnel.
	listen(netip.AddrPort) (net.Listener, error)
	// gone is closed when the interface is; nil if the mode does not notice that.
	gone() <-chan struct{}
	// repair restores the address of the interface and sets it up, if another program has changed that. fault says what
	// was wrong. Errors: errGone.
	repair(gateway netip.Prefix) (fault string, err error)
	close() error
}

// errForeign means that an interface or a socket of this name belongs to another program.
var errForeign = errors.New("it belongs to another program")

var errGone = errors.New("the tunnel's interface was removed by somebody else")

var errNoKernel = errors.New("this kernel has no WireGuard")

// openLink opens the link in the mode of c; with ModeAuto, in the first mode that works.
func openLink(c Config, secret privateKey) (link, error) {
	switch c.Mode {
	case ModeKernel:
		return withCure(c)(openKernel(c, secret))
	case ModeTUN:
		return withCure(c)(openTUN(c, secret))
	case ModeNetstack:
		return withCure(c)(openNetstack(c, secret))
	case ModeAuto:
		return withCure(c)(openAny(c, secret))
	}
	return nil, fmt.Errorf("%q is not a mode of the tunnel; choose %s, %s, %s or %s", c.Mode, ModeAuto, ModeKernel, ModeTUN,
		ModeNetstack)
}

// openAny tries the modes in order. It takes the next one only if this machine or process cannot have a mode. Other
// errors, such as a port in use or a foreign interface, need a decision of the operator.
func openAny(c Config, secret privateKey) (link, error) {
	reason := fmt.Errorf("making interfaces: %w", fs.ErrPermission)
	if hasNetAdmin() {
		for _, open := range []func(Config, privateKey) (link, error){openKernel, openTUN} {
			l, err := open(c, secret)
			if err == nil || !isImpossible(err) {
				return l, err
			}
			c.Log.Debug("a mode of the tunnel is not possible here", "error", err)
			reason = err
		}
	}
	c.Log.Warn("the tunnel reaches only the gateway's own page", "reason", addCure(reason))
	return openNetstack(c, secret)
}

// isImpossible reports whether an error means that this machine or this process cannot have a mode.
func isImpossible(err error) bool {
	return errors.Is(err, errNoKernel) || errors.Is(err, errNoTUN) || errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) ||
		errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO)
}

// hasNetAdmin reports whether this process may create interfaces. Without this check, a process that may not would
// report a foreign interface of the same name, which it does not need.
func hasNetAdmin() bool {
	var data [2]unix.CapUserData
	if err := unix.Capget(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &data[0]); err != nil {
		return true // not known: openAny finds out
	}
	return data[0].Effective&(1<<unix.CAP_NET_ADMIN) != 0
}

// withCure returns a function that adds the tunnel's name to an error, and what an operator can do about it.
func withCure(c Config) func(link, error) (link, error) {
	return func(l link, err error) (link, error) {
		if err == nil {
			return l, nil
		}
		instead := ""
		if c.Mode != ModeAuto && (errors.Is(err, errNoTUN) || errors.Is(err, fs.ErrPermission)) {
			instead = "; the mode " + ModeNetstack + " works without it"
		}
		return nil, fmt.Errorf("the tunnel %s: %w%s", c.Name, addCure(err), instead)
	}
}

// addCure adds to an error what an operator can do about it, where that is known.
func addCure(err error) error {
	var file *fs.PathError
	var cure string
	switch {
	case errors.Is(err, errForeign):
		cure = "remove it, or give the tunnel another name (--tunnel-name)"
	case errors.Is(err, unix.EADDRINUSE):
		cure = "another program has the port: end it, or give the tunnel another port"
	case errors.Is(err, errNoTUN):
		cure = "load the module with modprobe tun (after an update of the kernel, reboot first), or give the container the device with --device /dev/net/tun, and start the gateway again"
	case errors.Is(err, errNoKernel):
		cure = "the modes " + ModeTUN + " and " + ModeAuto + " work without it"
	case errors.Is(err, fs.ErrPermission) && errors.As(err, &file):
		cure = "let the user of the gateway read and write " + file.Path
	case errors.Is(err, fs.ErrPermission):
		cure = "run the gateway as root or with CAP_NET_ADMIN"
	default:
		return err
	}
	return fmt.Errorf("%w; %s", err, cure)
}

// lack returns why the link reaches no further than the gateway.
func lack(c Config, l link) agent.TunnelLack {
	if l.mode() != ModeNetstack {
		return agent.TunnelLacksNothing
	}
	err := checkTUN()
	switch {
	case c.Mode == ModeNetstack:
		return agent.TunnelNetstack
	case !hasNetAdmin():
		return agent.TunnelLacksRights
	case errors.Is(err, errNoTUN):
		return agent.TunnelLacksDevice
	case err != nil:
		return agent.TunnelLacksAccess
	}
	return agent.TunnelLacksRights
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$`)

// IsName reports whether a name is valid for the kernel, as a file name and in a command line.
func IsName(name string) bool { return nameForm.MatchString(name) }

func checkName(name string) error {
	if !IsName(name) {
		return fmt.Errorf("%q cannot name the tunnel: use 1 to 15 letters, digits, \"_\", \".\" and \"-\"", name)
	}
	return nil
}
