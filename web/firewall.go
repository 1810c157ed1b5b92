package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/vishvananda/netlink"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/agent/firewall"
	"ideco-agent/templates/locale"
)

// followEvery is how often the firewall looks whether interfaces and their addresses have changed, and tries again what
// could not be put in force.
const followEvery = 5 * time.Second

// firewallController makes the firewall follow the settings and what changes around the gateway: its interfaces, and the
// addresses to which its domain leads.
type firewallController struct {
	*firewall.Firewall
	mode       string // as it was asked for
	data       string // directory of the closed state for the next boot
	tunnelName string // which nobody can choose
	tunnel     string // tunnelName, or empty where nothing is forwarded from the tunnel
	ports      firewall.Redirect
	settings   func() agent.Settings
	domain     *domainResolver
	log        *slog.Logger

	turn    sync.Mutex     // makes one change at a time; guards what follows
	inForce *firewall.Plan // nil before the first
	kept    bool           // the next boot has it too
	missing []string       // chosen interfaces that did not exist, as logged
	lock    tableLock

	mu       sync.Mutex // guards what follows
	failed   error      // why the plan of the settings is not in force
	unkept   error      // why the next boot has not the plan in force
	stale    bool       // with unkept: the next boot has a plan, and there is none in force
	restored time.Time
}

// openFirewall opens the firewall that the Config asks for. Nothing is enforced before begin.
func openFirewall(c Config, settings func() agent.Settings, vpn tunnel, open *listeners) (*firewallController, error) {
	w := &firewallController{mode: c.Firewall, data: c.Data, tunnelName: c.TunnelName, ports: portsOf(open, vpn.port()),
		settings: settings, domain: newDomainResolver(c.Data, c.Log), log: c.Log}
	if vpn.Forwards() {
		w.tunnel = w.tunnelName
	}
	var err error
	w.Firewall, err = firewall.Open(firewall.Options{Mode: c.Firewall, Log: c.Log, Report: w.noteIncident})
	return w, err
}

// begin puts the settings in force for the first time.
func (w *firewallController) begin(ctx context.Context) {
	if w.mode == firewall.ModeOff {
		w.leaveNothing()
	}
	w.follow(ctx)
}

// run follows what changes until ctx is over.
func (w *firewallController) run(ctx context.Context) error {
	if w.Mode() == firewall.ModeOff {
		return nil
	}
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			w.follow(ctx)
		}
	}
}

// watchDomain follows where the domain leads until ctx is over.
func (w *firewallController) watchDomain(ctx context.Context) error {
	if w.Mode() == firewall.ModeOff {
		return nil
	}
	w.domain.run(ctx, func() string { return w.settings().Domain }, func() { w.follow(ctx) })
	return nil
}

// follow puts the plan of the settings in force. What fails is logged, shown on the page and tried again in the
// background: the settings are saved all the same.
func (w *firewallController) follow(ctx context.Context) {
	if w.Mode() == firewall.ModeOff {
		return
	}
	w.turn.Lock()
	defer w.turn.Unlock()
	p, missing, err := w.planFor(w.settings())
	if err == nil {
		w.logMissing(p, missing)
	}
	same := err == nil && w.inForce != nil && reflect.DeepEqual(p, *w.inForce)
	before := w.failure()
	switch {
	case same && before == nil:
		w.keepForBoot()
		return
	case same && isFlowtable(before): // the rules are in force beside it
		err = w.Try(ctx, p)
	case err == nil:
		err = w.put(ctx, p)
	}
	if isNewError(err, before) && ctx.Err() == nil {
		w.log.Error("the firewall does not follow the settings", "error", err)
	}
	w.followed(before, err)
	if !same && (err == nil || isFlowtable(err)) {
		w.inForce, w.kept = &p, false
	}
	w.keepForBoot()
}

// put puts a plan in force, unless another gateway keeps the table.
func (w *firewallController) put(ctx context.Context, p firewall.Plan) error {
	if err := w.lock.take(); p.Empty() && err != nil {
		return nil // the table is not ours to remove
	} else if err != nil {
		return err
	}
	err := w.Apply(ctx, p)
	if p.Empty() && err == nil {
		w.lock.release()
	}
	return err
}

// Close stops keeping the table, which stays.
func (w *firewallController) Close() error {
	err := w.Firewall.Close()
	w.turn.Lock()
	defer w.turn.Unlock()
	w.lock.release()
	return err
}

// logMissing logs which chosen interfaces do not exist, when that changes.
func (w *firewallController) logMissing(p firewall.Plan, missing []string) {
	switch {
	case slices.Equal(missing, w.missing):
	case len(missing) > 0:
		w.log.Warn("chosen interfaces do not exist; if they were renamed, choose them again: their traffic under another name is not filtered", "interfaces", missing)
	case !p.Empty():
		w.log.Info("the chosen interfaces exist again")
	}
	w.missing = missing
}

func isFlowtable(err error) bool {
	var past *firewall.FlowtableError
	return errors.As(err, &past)
}

// planFor returns the plan of settings for the interfaces and addresses that there are now, and the chosen interfaces that
// do not exist.
func (w *firewallController) planFor(s agent.Settings) (p firewall.Plan, missing []string, err error) {
	if !s.InterfacesChosen() {
		return p, nil, nil
	}
	links, err := firewall.Interfaces()
	if err != nil {
		return p, nil, err
	}
	p, missing = planOf(s, surroundings{links: links, tunnel: w.tunnel, ports: w.ports, outward: w.domain.addresses(s.Domain)})
	return p, missing, nil
}

// interfaceProblem tells why an interface can be neither LAN nor WAN: the packets that the firewall judges do not carry its name. One
// that is not there now may come.
func (w *firewallController) interfaceProblem(field, name string) agent.Problem {
	if name == w.tunnelName {
		return agent.Problem{Field: field, Code: locale.FieldInterfaceTunnel, Value: name}
	}
	link, err := netlink.LinkByName(name)
	if err != nil {
		return agent.Problem{}
	}
	if link.Attrs().Flags&net.FlagLoopback != 0 {
		return agent.Problem{Field: field, Code: locale.FieldInterfaceLoopback, Value: name}
	}
	if index := link.Attrs().MasterIndex; index != 0 {
		master, err := netlink.LinkByIndex(index)
		if err == nil && slices.Contains([]string{"bridge", "bond", "team"}, master.Type()) {
			return agent.Problem{Field: field, Code: locale.FieldInterfacePort, Value: name + " (" + master.Attrs().Name + ")"}
		}
	}
	return agent.Problem{}
}

// check refuses a choice that cannot be enforced. What comes back by itself is never refused, and neither is what was
// chosen before: no other setting may depend on it.
func (w *firewallController) check(ctx context.Context, now, next agent.Settings) error {
	returns := now.OnTrial() && !next.OnTrial() && next.GatewaySettings.Same(now.Trial.Before)
	if returns || next.GatewaySettings.Same(now.GatewaySettings) {
		return nil
	}
	for field, names := range map[string][]string{"lan_interfaces": next.LANInterfaces, "wan_interfaces": next.WANInterfaces} {
		for _, name := range names {
			if p := w.interfaceProblem(field, name); p.Code != "" {
				return agent.Problems{p}
			}
		}
	}
	p, _, err := w.planFor(next)
	if err != nil {
		return err
	}
	err = w.Try(ctx, p)
	var past *firewall.FlowtableError
	switch {
	case errors.As(err, &past):
		return agent.Problems{flowtableProblem(past, next.GatewaySettings)}
	case errors.Is(err, firewall.ErrPlan):
		return err
	}
	return nil // the page will say what else there is
}

// flowtableProblem stands beside the list that names one of the flowtable's interfaces.
func flowtableProblem(past *firewall.FlowtableError, g agent.GatewaySettings) agent.Problem {
	field := "lan_interfaces"
	if !slices.ContainsFunc(past.Devices, func(d string) bool { return slices.Contains(g.LANInterfaces, d) }) &&
		slices.ContainsFunc(past.Devices, func(d string) bool { return slices.Contains(g.WANInterfaces, d) }) {
		field = "wan_interfaces"
	}
	return agent.Problem{Field: field, Code: locale.FieldFlowtable, Value: past.Table + " " + past.Name}
}

// noteIncident notes what others did to the table. After a failure the plan is put in force anew.
func (w *firewallController) noteIncident(i firewall.Incident) {
	if i.Err != nil {
		w.fail(i.Err)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.restored = i.At
}

func (w *firewallController) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = err
}

// followed notes how following went, which began after a failure or none. A failure that the firewall itself has told of
// meanwhile is newer than a success, and is not told again.
func (w *firewallController) followed(before, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil || w.failed == before {
		w.failed = err
	}
}

func (w *firewallController) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

// state is what the firewall does now.
func (w *firewallController) state() (s agent.GatewayState) {
	w.mu.Lock()
	failed, restored := w.failed, w.restored
	s.Boot, s.BootClosed = bootTrouble(w.unkept), w.stale
	w.mu.Unlock()
	s.Enforcement, s.Flowtable = enforcement(w.mode, w.settings().InterfacesChosen(), w.Problem(), failed)
	s.Restored = restored
	return s
}

// health tells what a firewall that must be there does not do.
func (w *firewallController) health() error {
	if w.mode != firewall.ModeNFTables {
		return nil
	}
	return w.failure()
}

// forSessions is the firewall for package access; nil when there is none.
func (w *firewallController) forSessions() access.Firewall {
	if w.Mode() == firewall.ModeOff {
		return nil
	}
	return w.Firewall
}
