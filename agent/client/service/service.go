// Package service is the Windows service of the agent. It holds the access of the computer for the windows of all its
// users (see package pipe), brings up the tunnel, which needs the rights of a service, and ends the access when its
// owner's Windows session ends.
//
// It connects only to the gateway that policy or installer name in HKEY_LOCAL_MACHINE, read again at every probe and
// login. A user's window cannot name another one.
//
// # Files
//
// The directory "service" beside the program holds service.log, device, this computer's identifier, and trust, which has what the
// gateway has told about its names and its root (see client.TrustFile). The service
// writes only there, and only when the program is below Program Files: elsewhere a plain user may have placed links.
// A service registered from another directory has no log, and at each start a new device identifier and the trust of its settings. Such a directory
// is unsafe anyway, because a user who can replace the program controls the computer.
//
// # Exit codes
//
// The exit code is 0 after a stop, otherwise the stage at which the service failed. The Windows event log and "sc
// query" show it as the service-specific exit code. Windows restarts the service after 1, 5 and 30 seconds.
//
//	1  pipe      the pipe could not be created, for instance because another program uses its name
//	2  serving   the pipe failed while windows were served
//	3  teardown  the service did not stop in time
package service

import (
	"context"
	"net"
	"sync"
	"syscall"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/netwatch"
	"ideco-agent/agent/client/pipe"
	"ideco-agent/agent/client/session"
	"ideco-agent/agent/client/settings"
)

// Config configures the service. All fields may be zero.
type Config struct {
	// Tunnel creates the tunnel; it is called once. The Control, unless nil, keeps connections to the gateway outside
	// the tunnel.
	Tunnel   func(log func(text string)) (client.Tunnel, Control)
	Adapters []string // names of the tunnel's network interfaces
}

// Control is the type of net.Dialer.Control.
type Control = func(network, address string, c syscall.RawConn) error

const dialTimeout = 10 * time.Second

// running holds the parts of the running service.
type running struct {
	log        func(string)
	manager    *session.Manager
	server     *pipe.Server
	served     chan error // receives the result of Serve
	cancel     context.CancelFunc
	goroutines sync.WaitGroup
}

// platform is the part that needs Windows, replaced in tests.
type platform struct {
	log      func(string)
	device   agent.Device
	trust    *client.TrustFile
	listener net.Listener
	identify func(net.Conn) (pipe.Caller, error)
	registry func() settings.Registry
}

// start starts the service's parts.
func start(cfg Config, p platform) *running {
	r := &running{log: p.log, served: make(chan error, 1)}
	var tunnel client.Tunnel
	var outside Control
	if cfg.Tunnel != nil {
		tunnel, outside = cfg.Tunnel(p.log)
	}
	r.manager = session.New(session.Config{Device: p.device, Trust: p.trust, Tunnel: tunnel, Log: p.log,
		Dial: (&net.Dialer{Timeout: dialTimeout, Control: outside}).DialContext})
	r.server = pipe.NewServer(pipe.ServerConfig{Manager: r.manager, Identify: p.identify, Log: p.log,
		ChooseGateway: func() (settings.Gateway, error) { return chooseGateway(p.registry(), p.log) }})
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	r.goroutines.Add(2)
	go func() {
		defer r.goroutines.Done()
		r.served <- r.server.Serve(p.listener)
	}()
	go func() {
		defer r.goroutines.Done()
		netwatch.Watch(ctx, netwatch.Config{Changed: r.manager.NetworkChanged, Own: cfg.Adapters, Log: p.log})
	}()
	return r
}

// chooseGateway returns the gateway and logs warnings.
func chooseGateway(from settings.Registry, log func(string)) (settings.Gateway, error) {
	g, warnings, err := settings.ChooseGateway(from.Policy, from.Installer)
	for _, w := range warnings {
		log(w.Error())
	}
	return g, err
}

// close ends the access, of which gateway and windows are notified, and then the service's other parts.
func (r *running) close() {
	r.cancel()
	r.server.ServiceStops()
	r.manager.Close()
	r.server.Close()
	r.goroutines.Wait()
}
