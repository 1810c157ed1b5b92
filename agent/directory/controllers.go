package directory

import (
	"cmp"
	"context"
	"errors"
	"math"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"ideco-agent/agent"
)

const (
	connectLimit = 1500 * time.Millisecond // for TCP, StartTLS and TLS together
	silenceLimit = 700 * time.Millisecond  // a controller that is silent for so long with a request in flight is probed
	probeLimit   = time.Second             // for that probe
	retryAfter   = 30 * time.Second        // between two probes of a controller that is down
	retryNoneUp  = 3 * time.Second         // the same while no controller answers
	refindAfter  = 10 * time.Minute        // between two searches for controllers by SRV records
	refindNoneUp = 30 * time.Second        // the same while no controller answers
	headStart    = 200 * time.Millisecond  // how long measure waits for others after the first answer
)

// controllerState is what is known of a controller:
//
//	         connected            no answer
//	unknown ───────────→ up ⇄ ───────────────→ down
//	                          ←─────────────── probed
type controllerState int

const (
	stateUnknown controllerState = iota
	stateUp
	stateDown
)

// controller is one server of a directory. The mu of its servers guards the fields below it.
type controller struct {
	name     string // host name or address; its certificate has it too, unless TLSName is set
	address  string // host:port
	port     uint16
	near     bool // in the gateway's site
	priority uint16
	created  time.Time
	heard    atomic.Int64 // time of the last bytes from it, in nanoseconds since created

	state     controllerState
	since     time.Time
	latency   time.Duration
	fault     *finding        // why it is down
	addresses []netip.Addr    // as of the last look-up
	up        context.Context // ends when it is marked down, and ends its connections
	cut       context.CancelFunc
	retry     *time.Timer // while it is down
}

func newController(host string, port uint16) *controller {
	return &controller{name: host, port: port, created: time.Now(), address: net.JoinHostPort(host, strconv.Itoa(int(port)))}
}

// measuredLatency returns the latency, or the longest duration for a controller that is not up.
func (c *controller) measuredLatency() time.Duration {
	if c.state != stateUp {
		return math.MaxInt64
	}
	return c.latency
}

// silence returns the time since the last bytes from a controller.
func (c *controller) silence() time.Duration {
	return time.Since(c.created) - time.Duration(c.heard.Load())
}

// typed returns the controllers of the settings.
func (s *servers) typed() (list []*controller) {
	port := agent.DefaultLDAPPort
	if s.settings.Transport == agent.TransportLDAPS {
		port = agent.DefaultLDAPSPort
	}
	for _, text := range s.settings.Controllers {
		list = append(list, parseController(text, uint16(port)))
	}
	return list
}

// parseController reads "host", "host:port", an address or "[address]:port".
func parseController(text string, port uint16) *controller {
	if a, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return newController(a.String(), port)
	}
	host, digits, err := net.SplitHostPort(text)
	if err != nil {
		return newController(strings.ToLower(text), port)
	}
	if n, err := strconv.ParseUint(digits, 10, 16); err == nil && n > 0 {
		port = uint16(n)
	}
	return newController(strings.ToLower(host), port)
}

// find looks for the controllers. Errors: *finding.
func (s *servers) find(ctx context.Context) ([]*controller, error) {
	if list := s.typed(); len(list) > 0 {
		return list, nil
	}
	return s.bySRV(ctx)
}

// ready waits until controllers are known. It starts another search when the last one is old, without waiting for it.
func (s *servers) ready(ctx context.Context) error {
	s.mu.Lock()
	known, age, alone := len(s.controllers) > 0, time.Since(s.found), !s.anyUp()
	s.mu.Unlock()
	if known && age < refindNoneUp || known && age < refindAfter && !alone {
		return nil
	}
	done := s.flight.DoChan("find", func() (any, error) { return nil, s.refind() })
	if known {
		return nil
	}
	select {
	case r := <-done:
		return r.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// refind looks for the controllers, connects to each of the new ones and puts them in order. Known ones keep their state.
func (s *servers) refind() error {
	found, err := s.find(s.ctx)
	s.mu.Lock()
	s.found = time.Now()
	if err != nil {
		s.mu.Unlock()
		return err
	}
	old := s.controllers
	for i, c := range found {
		if k := slices.IndexFunc(old, func(o *controller) bool { return o.address == c.address }); k >= 0 {
			old[k].near, old[k].priority = c.near, c.priority
			found[i] = old[k]
		}
	}
	for _, c := range old {
		if !slices.Contains(found, c) {
			s.forget(c)
		}
	}
	for _, c := range found {
		if c.up == nil {
			c.up, c.cut = context.WithCancel(s.ctx)
		}
	}
	s.mu.Unlock()

	s.measure(found)

	s.mu.Lock()
	defer s.mu.Unlock()
	near := slices.ContainsFunc(found, func(c *controller) bool { return c.near })
	if len(s.settings.Controllers) == 0 && !near {
		sortByLatency(found)
	}
	s.controllers = found
	s.retrySoon()
	return nil
}

// forget closes the connections of a controller that is no longer used. It needs mu.
func (s *servers) forget(c *controller) {
	c.cut()
	if c.retry != nil {
		c.retry.Stop()
	}
}

// measure probes the controllers whose state is unknown or that have sent nothing for refindAfter. It waits until all have
// answered, or headStart after the first answer.
func (s *servers) measure(list []*controller) {
	answers := make(chan bool, len(list))
	for _, c := range list {
		go func() {
			s.mu.Lock()
			due := c.state == stateUnknown || c.state == stateUp && c.silence() > refindAfter
			s.mu.Unlock()
			answers <- due && s.probe(c, connectLimit)
		}()
	}
	var limit <-chan time.Time
	for range list {
		select {
		case ok := <-answers:
			if ok && limit == nil {
				limit = time.After(headStart)
			}
		case <-limit:
			return
		}
	}
}

// failover has the controllers that failed during one search or bind.
type failover struct {
	tried []*controller
	fault *finding // of the first one
}

func (a *failover) failed(c *controller, err error) {
	a.tried = append(a.tried, c)
	if a.fault == nil {
		a.fault = asFinding(err, c.address)
	}
}

// pick returns the best controller that has not failed yet. Errors: *finding; ctx.Err.
func (s *servers) pick(ctx context.Context, a *failover) (*controller, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var best *controller
	fault := a.fault
	for _, c := range s.controllers {
		if fault == nil {
			fault = c.fault
		}
		// A silent one is not used until a probe marks it up.
		silent := c.state == stateDown && c.fault.Finding == agent.FindingNoAnswer
		if slices.Contains(a.tried, c) || silent {
			continue
		}
		if best == nil || c.stateOrder() < best.stateOrder() {
			best = c
		}
	}
	switch {
	case best != nil:
		return best, nil
	case fault != nil:
		return nil, fault
	}
	return nil, hostFinding(agent.FindingNoAnswer, s.settings.Name, nil)
}

// stateOrder is lower for a controller that is more likely to answer.
func (c *controller) stateOrder() int {
	return map[controllerState]int{stateUp: 0, stateUnknown: 1, stateDown: 2}[c.state]
}

func (s *servers) anyUp() bool {
	return slices.ContainsFunc(s.controllers, func(c *controller) bool { return c.state == stateUp })
}

// markUp records that a controller has answered.
func (s *servers) markUp(c *controller, latency time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.latency = latency
	if c.state == stateUp {
		return
	}
	if c.state == stateDown {
		s.log.Info("a controller of a directory can be used again", "directory", s.settings.Name, "controller", c.address)
		c.retry.Stop()
		c.up, c.cut = context.WithCancel(s.ctx)
	}
	c.state, c.since, c.fault = stateUp, time.Now(), nil
}

// markDown records that a controller does not answer, ends its connections and schedules a probe.
func (s *servers) markDown(c *controller, fault *finding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return
	}
	c.fault = fault
	if c.state == stateDown {
		return
	}
	s.log.Warn("a controller of a directory cannot be used", "directory", s.settings.Name, "controller", c.address, "error", fault)
	c.state, c.since = stateDown, time.Now()
	c.cut()
	c.retry = time.AfterFunc(retryAfter, func() { s.reprobe(c) })
	c.addresses = nil // they may have changed
	s.retrySoon()
}

// retrySoon probes the controllers after retryNoneUp if none is up. It needs mu.
func (s *servers) retrySoon() {
	if s.anyUp() {
		return
	}
	for _, c := range s.controllers {
		if c.state == stateDown {
			c.retry.Reset(retryNoneUp)
		}
	}
}

// reprobe probes a controller that is down.
func (s *servers) reprobe(c *controller) {
	if s.ctx.Err() != nil || s.probe(c, connectLimit) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.state != stateDown || !slices.Contains(s.controllers, c) {
		return
	}
	after := retryAfter
	if !s.anyUp() {
		after = retryNoneUp
	}
	c.retry.Reset(after)
}

// probe connects to a controller and marks it up or down. It is not marked down if it sends bytes on another connection meanwhile.
func (s *servers) probe(c *controller, limit time.Duration) bool {
	ok, _, _ := s.flight.Do(c.address, func() (any, error) {
		began := time.Now()
		ctx, cancel := context.WithTimeout(s.ctx, limit)
		defer cancel()
		raw, _, _, err := s.connect(ctx, c)
		if err == nil {
			raw.Close()
			s.markUp(c, time.Since(began))
			return true, nil
		}
		if c.silence() < time.Since(began) {
			return true, nil
		}
		s.markDown(c, asFinding(err, c.address))
		return false, nil
	})
	return ok.(bool)
}

// connect makes a TLS connection to a controller. Errors: *finding.
func (s *servers) connect(ctx context.Context, c *controller) (raw, secure net.Conn, sent []agent.DirectoryCertificate, err error) {
	raw, err = s.connectTCP(ctx, c)
	if err != nil {
		return nil, nil, nil, err
	}
	t, sent, err := s.secure(ctx, raw, c.name)
	if err != nil {
		raw.Close()
		return nil, nil, sent, err
	}
	return raw, t, sent, nil
}

// connectTCP connects to the addresses of a controller at the same time and returns the first connection. The gateway may not
// reach all of them.
func (s *servers) connectTCP(ctx context.Context, c *controller) (net.Conn, error) {
	addresses, err := s.addressesOf(ctx, c)
	if err != nil {
		return nil, err
	}
	type result struct {
		conn net.Conn
		err  error
	}
	results := make(chan result, len(addresses))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, a := range addresses {
		go func() {
			conn, err := s.dialTCP(ctx, netip.AddrPortFrom(a, c.port).String())
			results <- result{conn, err}
		}()
	}
	for i := range addresses {
		r := <-results
		if r.err == nil {
			go func() {
				for range len(addresses) - i - 1 {
					if r := <-results; r.err == nil {
						r.conn.Close()
					}
				}
			}()
			return r.conn, nil
		}
		err = cmp.Or(err, r.err)
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, hostFinding(agent.FindingConnRefused, c.address, err)
	}
	return nil, hostFinding(agent.FindingNoAnswer, c.address, err)
}

// addressesOf looks up a controller. It caches the answer, because the DNS servers of a domain are often its controllers.
func (s *servers) addressesOf(ctx context.Context, c *controller) ([]netip.Addr, error) {
	s.mu.Lock()
	known := c.addresses
	s.mu.Unlock()
	if len(known) > 0 {
		return known, nil
	}
	found, err := s.dns.lookupHost(ctx, c.name)
	if err != nil {
		return nil, asFinding(err, c.address)
	}
	found = found[:min(len(found), 8)]
	s.mu.Lock()
	defer s.mu.Unlock()
	c.addresses = found
	return found, nil
}
