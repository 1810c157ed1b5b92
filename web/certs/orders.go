package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"

	"ideco-agent/agent"
	"ideco-agent/agent/atomicfile"
)

// OrdersConfig configures Orders. The functions may be called from several goroutines. Settings, Names and Covered must not call a
// method of Orders. ALPNLeadsHere, Check and Event may be nil.
type OrdersConfig struct {
	Dir      string // data directory; everything is in its subdirectory acme
	Settings func() OrderSettings
	Names    func() []string        // the domain, then the former domains, as agent.ParseDomain returns them
	Covered  func(name string) bool // whether an uploaded certificate serves the name and will for agent.EndNotice, so that none is ordered
	// ALPNLeadsHere reports whether port 443 of the name is known to lead to this gateway.
	ALPNLeadsHere func(ctx context.Context, name string) bool
	// Check finds out what the problem with a name may be.
	Check func(ctx context.Context, name string) []agent.NameCheck
	Event func(agent.CertificateEvent)
	Log   *slog.Logger
}

// OrderSettings say where and how certificates are ordered.
type OrderSettings struct {
	Directory string         // URL of the CA's directory (https); empty = nothing is ordered
	Roots     *x509.CertPool // that may have signed the certificate of Directory; nil = those of the system
	Email     string         // may be empty
	EAB       *acme.ExternalAccountBinding
	EABLost   bool   // the key of EAB cannot be decrypted, and EAB.Key is empty; an account that exists already is used
	Terms     string // agent.ACMESettings.Terms
}

func (s OrderSettings) isOn() bool { return s.Directory != "" && s.Terms != "" }

func (s OrderSettings) equal(o OrderSettings) bool {
	return s.Directory == o.Directory && s.Email == o.Email && s.EABLost == o.EABLost && s.Terms == o.Terms &&
		(s.Roots == o.Roots || s.Roots != nil && s.Roots.Equal(o.Roots)) &&
		(s.EAB == o.EAB || s.EAB != nil && o.EAB != nil && s.EAB.KID == o.EAB.KID && slices.Equal(s.EAB.Key, o.EAB.Key))
}

// Orders orders certificates by ACME and renews them, one at a time. Its methods may be called from several goroutines.
type Orders struct {
	config    OrdersConfig
	dir       string
	transport func(roots *x509.CertPool) http.RoundTripper
	write     func(path string, content []byte, mode fs.FileMode) error // atomicfile.Write; tests do not wait for the disk
	wake      chan struct{}

	// served has the certificates that Certificate returns. Handshakes do not wait for mu, which is held while files are written.
	served atomic.Pointer[map[string]*tls.Certificate]

	updating sync.Mutex // held by update, so that an older answer of OrdersConfig does not replace a newer one

	mu       sync.Mutex // guards all below
	settings OrderSettings
	ca       string // caDir of the settings
	names    []string
	orders   map[string]*order
	tries    map[string]*tries // at that CA
	contact  contact           // of the account at that CA
	running  string            // name that is being tried; empty = none
	cancel   context.CancelFunc
	attempt  *attempt // nil = none
}

// order is what is known about a name.
type order struct {
	cause   agent.CertificateCause // why the CA can never check the name; empty = it may be able to
	covered bool                   // OrdersConfig.Covered
	held    *held                  // nil = none
	unsaved bool                   // held could not be written
}

// OpenOrders reads the certificates that were ordered before, and removes the files that a crash left half-written. No other process may
// write there. Nothing is ordered before Run is called.
func OpenOrders(config OrdersConfig) (*Orders, error) {
	o := &Orders{config: config, dir: filepath.Join(config.Dir, ordersDir), transport: newTransport,
		write: atomicfile.Write, wake: make(chan struct{}, 1),
		orders: map[string]*order{}}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of ordered certificates: %w", err)
	}
	o.removeLeftovers()
	o.update()
	return o, nil
}

// Certificate returns the ordered certificate for a name; nil if there is none that is valid now.
func (o *Orders) Certificate(name string) *tls.Certificate {
	if c := (*o.served.Load())[name]; c != nil && validAt(c.Leaf, time.Now()) {
		return c
	}
	return nil
}

// publish makes Certificate return what is held. The caller holds mu.
func (o *Orders) publish() {
	served := map[string]*tls.Certificate{}
	for name, one := range o.orders {
		if one.held != nil && o.settings.isOn() {
			served[name] = one.held.Certificate
		}
	}
	o.served.Store(&served)
}

// Changed must be called after the settings, the names or the uploaded certificates have changed. It does not wait for the CA.
func (o *Orders) Changed() {
	o.update()
	o.wakeUp()
}

// wakeUp makes Run look again at what is due.
func (o *Orders) wakeUp() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// update takes over the settings, names and uploaded certificates of OrdersConfig. It ends a try that they no longer want.
func (o *Orders) update() {
	o.updating.Lock()
	defer o.updating.Unlock()
	settings, names := o.config.Settings(), o.config.Names()
	covered := map[string]bool{}
	for _, name := range names {
		covered[name] = o.config.Covered(name)
	}

	o.mu.Lock()
	defer o.mu.Unlock()
	starts, changed := o.tries == nil, !o.settings.equal(settings)
	if changed {
		o.contact = contact{}
	}
	if starts || o.settings.Directory != settings.Directory {
		o.ca, o.orders, o.tries = caDir(settings.Directory), map[string]*order{}, map[string]*tries{}
		if settings.Directory != "" {
			o.tries = o.loadTries(o.ca)
		}
	}
	if changed && !starts { // a start keeps the backoff
		for _, t := range o.tries {
			t.Next, t.Failures = time.Time{}, 0
		}
	}
	if o.cancel != nil && (changed || !slices.Contains(names, o.running) || covered[o.running]) {
		o.cancel()
	}
	o.settings, o.names = settings, names
	now := time.Now()
	o.forgetOthers(now)
	for _, name := range names {
		if o.orders[name] == nil {
			o.orders[name] = o.newOrder(name, now)
		}
		o.orders[name].covered = covered[name]
	}
	o.publish()
}

// Reload reads the certificates on the disk again. One that cannot be read, or that has not been written yet, stays in memory.
func (o *Orders) Reload() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var errs []error
	for name, one := range o.orders {
		if one.cause != "" || one.unsaved || o.settings.Directory == "" {
			continue
		}
		path := filepath.Join(o.dir, o.ca, certificateFile(name))
		text, err := readFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var h *held
		if err == nil {
			h, err = parseHeld(text, name, o.ca)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("read the ordered certificate %s: %w", path, err))
			continue
		}
		one.held = h
	}
	o.publish()
	o.wakeUp()
	return errors.Join(errs...)
}

// newOrder returns what is known about a name. The caller holds mu.
func (o *Orders) newOrder(name string, now time.Time) *order {
	one := &order{cause: neverCause(name, o.settings.Directory)}
	if one.cause == "" && o.settings.Directory != "" {
		one.held = o.newest(o.ca, name, now)
	}
	if o.tries[name] == nil {
		o.tries[name] = &tries{}
	}
	return one
}

// neverCause returns why no certificate is ordered for a name, or "". A company's CA knows the names of the company. autocert orders
// for names with a dot only.
func neverCause(name, directory string) agent.CertificateCause {
	cause, _ := agent.OrderableName(name)
	if cause == agent.CausePrivateName && !agent.IsLetsEncrypt(directory) && strings.Contains(name, ".") {
		return ""
	}
	return cause
}

// due returns when a name is tried next; false = never, unless OrdersConfig changes. The caller holds mu.
func (o *Orders) due(name string, now time.Time) (time.Time, bool) {
	one, t := o.orders[name], o.tries[name]
	if !o.settings.isOn() || one.cause != "" || one.covered {
		return time.Time{}, false
	}
	t.prune(now)
	at := later(t.Next, t.permitted())
	if o.isDone(one, now) && !one.unsaved {
		at = later(at, one.held.renewal)
	}
	return at, true
}

// isDone reports whether the gateway has a valid certificate of the CA in the settings.
func (o *Orders) isDone(one *order, now time.Time) bool {
	return one.held.isValid(now) && one.held.ca == o.ca
}

// next returns the name that is tried next, and when; false = none. Of names that are due now it takes the first in their order.
func (o *Orders) next(now time.Time) (name string, at time.Time, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, candidate := range o.names {
		if due, can := o.due(candidate, now); can && (!ok || due.Before(at) && at.After(now)) {
			name, at, ok = candidate, due, true
		}
	}
	return name, at, ok
}

// Run orders and renews until ctx ends. It returns nil then.
func (o *Orders) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		o.update()
		now := time.Now()
		name, at, ok := o.next(now)
		if ok && !at.After(now) {
			o.try(ctx, name)
			continue
		}
		contactAt, contact := o.contactDue()
		if contact && !contactAt.After(now) {
			o.tellContact(ctx)
			continue
		}
		wait := time.Hour // in case the clock is changed, or an uploaded certificate ends
		if ok {
			wait = min(wait, at.Sub(now))
		}
		if contact {
			wait = min(wait, contactAt.Sub(now))
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-o.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// TryNow starts a try for each name whose last one failed, as far as the limits of the CA permit one now. ok is false only if a name
// has failed and they permit none; notBefore is then when they will.
func (o *Orders) TryNow() (notBefore time.Time, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now, failed := time.Now(), false
	for _, name := range o.names {
		t := o.tries[name]
		if _, can := o.due(name, now); !can || t.Problem == nil || name == o.running {
			continue
		}
		failed = true
		if at := t.permitted(); !at.After(now) {
			t.Next, ok = time.Time{}, true
		} else if notBefore.IsZero() || at.Before(notBefore) {
			notBefore = at
		}
	}
	if ok || !failed {
		o.wakeUp()
		return time.Time{}, true
	}
	return notBefore, false
}

// State returns the state of each name, in the order of OrdersConfig.Names.
func (o *Orders) State() []agent.CertificateOrder {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := make([]agent.CertificateOrder, 0, len(o.names))
	for _, name := range o.names {
		list = append(list, o.stateOf(name, time.Now()))
	}
	return list
}

// stateOf returns the state of a name. The caller holds mu.
func (o *Orders) stateOf(name string, now time.Time) agent.CertificateOrder {
	one, t := o.orders[name], o.tries[name]
	s := agent.CertificateOrder{Name: name, State: agent.OrderDone, Tried: t.Ended, Problem: t.Problem}
	if at, ok := o.due(name, now); ok {
		s.Next = later(at, now)
	}
	switch {
	case !o.settings.isOn():
		s.State, s.Problem = agent.OrderOff, nil
	case one.cause != "":
		s.State, s.Problem = agent.OrderNever, finish(&agent.CertificateProblem{Code: one.cause}, name)
	case name == o.running, t.Problem == nil && !o.isDone(one, now):
		s.State, s.Next = agent.OrderRunning, time.Time{}
	case t.Problem != nil:
		s.State = agent.OrderFailed
	}
	if one.covered {
		s.Then, s.State, s.Problem = s.State, agent.OrderUploaded, nil
	}
	return s
}

// ServeChallenge answers a request of the CA at port 80 (HTTP-01). It returns false without an answer if r is none, or if no
// challenge waits for it.
func (o *Orders) ServeChallenge(w http.ResponseWriter, r *http.Request) bool {
	a := o.waiting()
	return a != nil && a.serveHTTP(w, r)
}

// ChallengeCertificate returns the certificate that a CA asks for by the ALPN protocol acme.ALPNProto (TLS-ALPN-01); nil if no
// challenge waits for it.
func (o *Orders) ChallengeCertificate(hello *tls.ClientHelloInfo) *tls.Certificate {
	if a := o.waiting(); a != nil {
		return a.challengeCertificate(hello)
	}
	return nil
}

// waiting returns the attempt whose challenge may wait; nil = none.
func (o *Orders) waiting() *attempt {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.attempt
}
