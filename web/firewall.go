package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netlink"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/agent/firewall"
	"ideco-agent/templates/locale"
)

// followEvery is the interval at which the firewall checks for changed interfaces and addresses, and retries a plan that is
// not in force.
const followEvery = 5 * time.Second

// firewallController updates the firewall when the settings, the interfaces or the addresses of the domains change.
type firewallController struct {
	*firewall.Firewall
	mode       string // as configured
	data       string
	tunnelName string // cannot be chosen as LAN or WAN
	tunnel     string // tunnelName; empty if nothing is forwarded from the tunnel
	ports      firewall.Redirect
	settings   func() agent.Settings
	domain     *domainResolver
	log        *slog.Logger

	changing sync.Mutex     // held during a change; guards the fields below
	inForce  *firewall.Plan // nil before the first
	saved    bool           // inForce is saved for the next boot
	missing  []string       // chosen interfaces that did not exist, as logged
	lock     tableLock

	mu       sync.Mutex // guards the fields below
	failed   error      // why the plan of the settings is not in force
	unsaved  error      // why inForce is not saved for the next boot
	stale    bool       // unsaved, and a former plan is still saved although none is in force
	restored time.Time
	replaced []string // see replacedNames
}

// openFirewall opens the Config's firewall. Nothing is enforced before begin.
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
		w.removeLeftovers()
	}
	w.follow(ctx)
}

// run calls follow every followEvery until ctx is done.
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

// watchDomain calls follow when the domains' addresses change. It returns when ctx is done.
func (w *firewallController) watchDomain(ctx context.Context) error {
	if w.Mode() == firewall.ModeOff {
		return nil
	}
	w.domain.run(ctx, func() []string { return w.settings().Domains() }, func() { w.follow(ctx) })
	return nil
}

// follow puts the plan of the settings in force. A failure is logged, shown on the page and retried in the background.
func (w *firewallController) follow(ctx context.Context) {
	if w.Mode() == firewall.ModeOff {
		return
	}
	w.changing.Lock()
	defer w.changing.Unlock()
	p, missing, err := w.planFor(w.settings())
	if err == nil {
		w.logMissing(p, missing)
		w.checkReplaced(p)
	}
	same := err == nil && w.inForce != nil && reflect.DeepEqual(p, *w.inForce)
	before := w.failure()
	switch {
	case same && before == nil:
		w.saveForBoot()
		return
	case same && isFlowtable(before): // the plan is in force, but the flowtable bypasses it
		err = w.Try(ctx, p)
	case err == nil:
		err = w.put(ctx, p)
	}
	if isNewError(err, before) && ctx.Err() == nil {
		w.log.Error("the firewall does not follow the settings", "error", err)
	}
	w.recordResult(before, err)
	if !same && (err == nil || isFlowtable(err)) {
		w.inForce, w.saved = &p, false
	}
	w.saveForBoot()
}

// put puts a plan in force, unless another gateway maintains the table.
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

// Close stops maintaining the table and leaves it in the kernel.
func (w *firewallController) Close() error {
	err := w.Firewall.Close()
	w.changing.Lock()
	defer w.changing.Unlock()
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

// checkReplaced records and logs of which chosen interfaces the packets carry the name of another interface, when that changes.
func (w *firewallController) checkReplaced(p firewall.Plan) {
	links, err := netlink.LinkList()
	if err != nil {
		w.log.Error("list the interfaces", "error", err)
		return
	}
	var replaced []string
	if !p.Empty() {
		replaced = replacedNames(w.settings(), links)
	}
	w.mu.Lock()
	before := w.replaced
	w.replaced = replaced
	w.mu.Unlock()
	switch {
	case slices.Equal(replaced, before):
	case len(replaced) > 0:
		w.log.Warn("packets of chosen interfaces carry the name of the interface in brackets and are not filtered; choose that one", "interfaces", replaced)
	case !p.Empty():
		w.log.Info("packets of the chosen interfaces carry their names again")
	}
}

func isFlowtable(err error) bool {
	return errors.As(err, new(*firewall.FlowtableError))
}

// planFor returns the plan of settings for the current interfaces and addresses, and the chosen interfaces that do not exist.
func (w *firewallController) planFor(s agent.Settings) (p firewall.Plan, missing []string, err error) {
	if !s.InterfacesChosen() {
		return p, nil, nil
	}
	links, err := firewall.Interfaces()
	if err != nil {
		return p, nil, err
	}
	p, missing = planOf(s, planInputs{links: links, tunnel: w.tunnel, ports: w.ports, domainAddrs: w.domain.addresses(s.Domains()...)})
	return p, missing, nil
}

// interfaceProblem says why an interface cannot be LAN or WAN: no packet that the firewall filters carries its name. A
// missing interface is no problem, because it may appear later.
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
	links, err := netlink.LinkList()
	if err != nil {
		return agent.Problem{}
	}
	if by := carrier(links, name); by != "" {
		return agent.Problem{Field: field, Code: locale.FieldInterfacePort, Value: withCarrier(name, by)}
	}
	return agent.Problem{}
}

// check refuses a choice that cannot be enforced. It accepts the former choice that a trial reverts to, and an unchanged
// choice, so that other settings can be saved.
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
	var bypass *firewall.FlowtableError
	switch {
	case errors.As(err, &bypass):
		return agent.Problems{flowtableProblem(bypass, next.GatewaySettings)}
	case errors.Is(err, firewall.ErrPlan):
		return err
	}
	return nil // other failures are shown on the page
}

// flowtableProblem returns the problem for the field that contains one of the flowtable's interfaces.
func flowtableProblem(bypass *firewall.FlowtableError, g agent.GatewaySettings) agent.Problem {
	field := "lan_interfaces"
	if !slices.ContainsFunc(bypass.Devices, func(d string) bool { return slices.Contains(g.LANInterfaces, d) }) &&
		slices.ContainsFunc(bypass.Devices, func(d string) bool { return slices.Contains(g.WANInterfaces, d) }) {
		field = "wan_interfaces"
	}
	return agent.Problem{Field: field, Code: locale.FieldFlowtable, Value: bypass.Table + " " + bypass.Name}
}

// noteIncident records that another program changed the table. After an error, follow applies the plan again.
func (w *firewallController) noteIncident(i firewall.Incident) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i.Err != nil {
		w.failed = i.Err
		return
	}
	w.restored = i.At
}

// recordResult records the result of follow. before is the failure when follow began: success does not clear a failure
// that noteIncident recorded meanwhile.
func (w *firewallController) recordResult(before, err error) {
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

func (w *firewallController) state() (s agent.GatewayState) {
	w.mu.Lock()
	failed, restored := w.failed, w.restored
	s.Boot, s.BootClosed = bootTrouble(w.unsaved), w.stale
	s.Replaced = w.replaced
	w.mu.Unlock()
	s.Enforcement, s.Flowtable = enforcement(w.mode, w.settings().InterfacesChosen(), w.Problem(), failed)
	s.Restored = restored
	return s
}

// health returns why a required firewall is not in force, or why a firewall does not filter the packets of chosen interfaces.
func (w *firewallController) health() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.mode == firewall.ModeNFTables && w.failed != nil:
		return fmt.Errorf("the firewall does not follow the settings: %w", w.failed)
	case len(w.replaced) > 0:
		return fmt.Errorf("packets of chosen interfaces carry another name and are not filtered: %s", strings.Join(w.replaced, ", "))
	}
	return nil
}

// forSessions returns the firewall for package access; nil without one.
func (w *firewallController) forSessions() access.Firewall {
	if w.Mode() == firewall.ModeOff {
		return nil
	}
	return w.Firewall
}
