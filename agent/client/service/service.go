// Package service is the Windows service of the agent: it keeps the access of this computer for the windows of all who
// work at it (see package pipe), brings up the tunnel, which only a service may, and ends the access when its owner's
// Windows session does.
//
// It connects to no gateway but the one that policy or the installer name in HKEY_LOCAL_MACHINE, read anew at every probe
// and login; what comes through the pipe cannot choose one.
//
// # What lies on the disk
//
// In the directory "service" beside the program: service.log (see package journal) and device, this computer's
// identifier. SYSTEM writes nowhere else, and there only when the program lies below Program Files: in any other
// directory a plain user may have put links in its way. A program that somebody has registered elsewhere runs without a
// journal and is another device each time that it starts. Such a place is no place for a service anyway, because who can
// replace the program owns the computer.
//
// # Exit codes
//
// The service ends with code 0 after a stop, and otherwise with the stage at which it failed, which the event log of
// Windows and "sc query" show as the service-specific exit code. Windows starts it again after 1, 5 and 30 seconds.
//
//	1  pipe      the pipe could not be made, for instance because another program has its name
//	2  serving   the pipe failed while windows were served
//	3  teardown  something did not end in time
//
// The package is also built for Windows 8 with Go 1.20 and keeps to that language and library.
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

// Config says what the service works with. All fields may be zero.
type Config struct {
	// Tunnel makes the tunnel, once, when the pipe is there. The Control, unless nil, keeps connections to the gateway
	// outside it.
	Tunnel   func(log func(text string)) (client.Tunnel, Control)
	Adapters []string // names of the tunnel's network interfaces
}

// Control is what net.Dialer has under this name.
type Control = func(network, address string, c syscall.RawConn) error

const dialTimeout = 10 * time.Second

// running is everything that runs in the service but Windows' own part.
type running struct {
	log     func(string)
	manager *session.Manager
	server  *pipe.Server
	served  chan error // holds why the pipe is not served any more, when it is not
	leave   context.CancelFunc
	all     sync.WaitGroup
}

// surface is what the service stands on: what Windows gives in earnest, and something smaller in tests.
type surface struct {
	log      func(string)
	device   agent.Device
	listener net.Listener
	identify func(net.Conn) (pipe.Caller, error)
	registry func() settings.Registry
}

// start puts the parts together.
func start(cfg Config, on surface) *running {
	r := &running{log: on.log, served: make(chan error, 1)}
	var tunnel client.Tunnel
	var outside Control
	if cfg.Tunnel != nil {
		tunnel, outside = cfg.Tunnel(on.log)
	}
	r.manager = session.New(session.Config{Device: on.device, Tunnel: tunnel, Log: on.log,
		Dial: (&net.Dialer{Timeout: dialTimeout, Control: outside}).DialContext})
	r.server = pipe.NewServer(pipe.ServerConfig{Manager: r.manager, Identify: on.identify, Log: on.log,
		Choose: func() (settings.Gateway, error) { return choose(on.registry(), on.log) }})
	ctx, leave := context.WithCancel(context.Background())
	r.leave = leave
	r.all.Add(2)
	go func() {
		defer r.all.Done()
		r.served <- r.server.Serve(on.listener)
	}()
	go func() {
		defer r.all.Done()
		netwatch.Watch(ctx, netwatch.Config{Changed: r.manager.Nudge, Own: cfg.Adapters, Log: on.log})
	}()
	return r
}

// choose picks the gateway.
func choose(from settings.Registry, log func(string)) (settings.Gateway, error) {
	g, warnings, err := settings.Choose(from.Policy, from.Installer)
	for _, w := range warnings {
		log(w.Error())
	}
	return g, err
}

// close ends everything, the access first, so that the gateway and the windows hear of it.
func (r *running) close() {
	r.leave()
	r.server.Retire()
	r.manager.Close()
	r.server.Close()
	r.all.Wait()
}
