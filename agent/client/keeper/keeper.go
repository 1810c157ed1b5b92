// Package keeper keeps the access of one person at a time: a window says what the person wants and shows what the
// keeper tells. It runs in the service, for the windows of all who use the computer, or in the window's own process
// where there is no service.
//
//	          Probe              the gateway answers            Login
//	resting ─────────▶ connecting ──────────────▶ ready ─────────────────▶ connecting ─▶ authorized, tunnel ⇄ reconnecting
//	                    │      ▲                                                │                  │
//	                    ▼      │ after a pause, or at once after a Nudge        ▼                  ▼
//	                   error ──┘                                              error       ended, error
//
// An end or a refused login stays on show until the person wants something else. A Login at any time ends what is going
// on and takes its place; so does Logout, which leaves ended.
//
// The package is also built for Windows 8 with Go 1.20 and keeps to that language and library.
package keeper

import (
	"context"
	"crypto/x509"
	"net"
	"sync"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/settings"
)

// Config says what the keeper works with. Fields but Device may be zero.
type Config struct {
	Device agent.Device
	Tunnel client.Tunnel  // nil = sessions in the local network only
	Roots  *x509.CertPool // trusted instead of the system's roots, unless nil
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
	Log    func(text string) // told what helps to find a fault, from any goroutine; never holds a secret
	Clock  client.Clock

	// NoTunnel is the key of the text, in package locale, that tells a person outside the local network why there is no
	// Tunnel; empty = the usual one.
	NoTunnel string
}

// Wish is what a person wants: to see whether the gateway is there, and to log in.
type Wish struct {
	Gateway  settings.Gateway
	Login    string
	Password string
	Lang     locale.Lang
}

// Keeper is made by New. Its methods may be called from any goroutine and do not wait for the gateway, except Close.
type Keeper struct {
	cfg    Config
	orders chan func()
	quit   chan struct{} // closed by Close
	once   sync.Once     // for Close
	done   chan struct{} // closed when nothing runs any more

	mu       sync.Mutex // guards the fields below
	status   Status
	watchers map[chan struct{}]struct{}

	// The rest belongs to the goroutine of run.
	wish    Wish
	expires string           // of the last access of the job
	job     *job             // nil = nothing is going on
	next    func()           // what to do when the job has ended; nil = nothing
	waiting bool             // next is a login
	again   <-chan time.Time // of the next probe; nil = none is due
	delay   time.Duration    // before it
	stopOld func()           // of again
}

// New starts a keeper with nothing to do. Close ends it.
func New(cfg Config) *Keeper {
	if cfg.Log == nil {
		cfg.Log = func(string) {}
	}
	if cfg.Clock == nil {
		cfg.Clock = client.SystemClock
	}
	k := &Keeper{cfg: cfg, orders: make(chan func()), quit: make(chan struct{}), done: make(chan struct{}),
		status: Status{State: Resting}, watchers: map[chan struct{}]struct{}{}}
	go k.run()
	return k
}

// Probe probes the gateway again and again until it answers. While there is access it changes nothing.
func (k *Keeper) Probe(w Wish) {
	k.order(func() {
		if !k.engaged() {
			k.replace(func() { k.probe(w) })
		}
	})
}

// engaged tells whether there is access, somebody gets it, or waits for a moment to get it.
func (k *Keeper) engaged() bool { return k.waiting || k.job != nil && k.job.login }

// Login asks for access, in place of what went before. When it returns, the Status is Busy.
func (k *Keeper) Login(w Wish) {
	k.order(func() {
		k.show(asking(w))
		k.replace(func() { k.login(w) })
		k.waiting = k.next != nil
	})
}

// Logout ends the access, or the attempt to get it.
func (k *Keeper) Logout() {
	k.order(func() {
		switch lang := k.wish.Lang; {
		case k.waiting: // what ends now has nothing to say about it
			k.waiting = false
			k.next = func() { k.show(loggedOut(lang)) }
		case k.engaged():
			k.next = nil
			k.job.stop()
		}
	})
}

// Rest stops probing: nobody is looking. Access goes on.
func (k *Keeper) Rest() {
	k.order(func() {
		if !k.engaged() && (k.job != nil || k.again != nil || k.Status().State == Ready) { // or a Nudge would probe again
			k.replace(func() { k.show(Status{State: Resting}) })
		}
	})
}

// Extend asks for a longer session, with the password of the login or another one.
func (k *Keeper) Extend(password string) {
	k.order(func() {
		if k.job != nil && k.job.login {
			k.job.tellExtend(password)
		}
	})
}

// Nudge tells that the network has changed or the computer woke from sleep.
func (k *Keeper) Nudge() {
	k.order(func() {
		switch {
		case k.job != nil:
			k.job.tellNudge()
		case k.again != nil:
			k.probe(k.wish)
		case k.Status().State == Ready: // which may be true no longer
			k.probe(k.wish)
		}
	})
}

// Close logs out and ends everything. It may be called again.
func (k *Keeper) Close() {
	k.once.Do(func() { close(k.quit) })
	<-k.done
}

// order has something done by the goroutine of run.
func (k *Keeper) order(f func()) {
	obeyed := make(chan struct{})
	select {
	case k.orders <- func() { defer close(obeyed); f() }:
		<-obeyed
	case <-k.done:
	}
}

func (k *Keeper) run() {
	defer close(k.done)
	quit, orders := k.quit, k.orders
	for quit != nil || k.job != nil {
		var events <-chan client.Event
		var over <-chan client.Result
		if k.job != nil {
			events, over = k.job.events, k.job.over
		}
		select {
		case f := <-orders:
			f()
		case e := <-events:
			k.saw(e)
		case r := <-over:
			k.finish(r)
		case <-k.again:
			k.probe(k.wish)
		case <-quit:
			quit, orders, k.next = nil, nil, nil
			k.forget()
			if k.waiting {
				k.waiting = false
				k.show(loggedOut(k.wish.Lang))
			}
			if k.job != nil {
				k.job.stop()
			}
		}
	}
}

// replace does something as soon as nothing else is going on.
func (k *Keeper) replace(f func()) {
	k.forget()
	if k.job == nil {
		f()
		return
	}
	k.next = f
	k.job.stop()
}

// forget cancels the next probe.
func (k *Keeper) forget() {
	if k.again != nil {
		k.stopOld()
		k.again = nil
	}
	k.delay = 0
}

func (k *Keeper) config(w Wish) client.Config {
	return client.Config{Host: w.Gateway.Host, Port: w.Gateway.Port, Pin: w.Gateway.Pin, Login: w.Login, Password: w.Password,
		Device: k.cfg.Device, Roots: k.cfg.Roots, Lang: w.Lang, Tunnel: k.cfg.Tunnel, NoTunnel: k.cfg.NoTunnel, Log: k.cfg.Log,
		Dial: k.cfg.Dial, Clock: k.cfg.Clock}
}

// How long a keeper waits before it probes again: firstProbe, then twice as long each time, lastProbe at most.
const (
	firstProbe = 2 * time.Second
	lastProbe  = 30 * time.Second
)

func (k *Keeper) probe(w Wish) {
	k.again = nil
	k.wish = Wish{Gateway: w.Gateway, Lang: w.Lang}
	if s := k.Status(); s.State != client.Failed || s.Server != w.Gateway.String() {
		k.show(Status{State: client.Connecting, Server: w.Gateway.String(),
			Message: locale.Text(w.Lang, locale.Connecting, "server", w.Gateway.String())})
	}
	k.job = start(false, k.config(k.wish), client.Probe)
}

func (k *Keeper) login(w Wish) {
	k.wish = Wish{Gateway: w.Gateway, Lang: w.Lang} // the password is the job's alone
	k.show(asking(w))
	k.job = start(true, k.config(w), client.Run)
}

// finish ends a job.
func (k *Keeper) finish(r client.Result) {
	probed := !k.job.login
	k.job = nil
	if k.next != nil {
		f := k.next
		k.next, k.waiting = nil, false
		f()
		return
	}
	if !probed {
		return // its last event is on show
	}
	if r.Err != nil {
		k.cfg.Log(r.Err.Error())
	}
	s := k.Status()
	s.Code, s.Message = r.Code, r.Message
	switch r.Kind {
	case client.ByUser:
		s = Status{State: Resting}
	case client.Answered:
		s.State, s.Code = Ready, ""
		k.delay = 0
	default:
		s.State = client.Failed
		k.again, k.stopOld = k.cfg.Clock.Timer(k.nextDelay())
	}
	k.show(s)
}

func (k *Keeper) nextDelay() time.Duration {
	switch {
	case k.delay == 0:
		k.delay = firstProbe
	case k.delay < lastProbe/2:
		k.delay *= 2
	default:
		k.delay = lastProbe
	}
	return k.delay
}
