package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/tailscale/wf"
	"golang.org/x/sys/windows"
	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/tun"
	"golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
)

// HasTUN tells whether this program can make a network interface on this system at all.
const HasTUN = true

const adapterType = "Ideco" // the driver keeps adapters of each type apart

// adapterGUID is the agent's own, always the same: Windows takes it for the same network every time, and what is left
// of an earlier run is found by it.
var adapterGUID = windows.GUID{Data1: 0x6c1d2a94, Data2: 0x3b7e, Data3: 0x4f0d, Data4: [8]byte{0xa1, 0x5e, 0x27, 0xd9, 0x80, 0x4c, 0x6b, 0x13}}

// permittedTUN tells whether this process may make a network interface, and has the driver for it.
func permittedTUN() error {
	if err := permittedChanges(); err != nil {
		return err
	}
	if err := loadWintun(); err != nil {
		return &client.TunnelProblem{Key: locale.TunnelNoWintun, Err: err}
	}
	return nil
}

// permittedChanges tells whether this process may change the computer's networks.
func permittedChanges() error {
	administrators, err := windows.CreateWellKnownSid(windows.WinBuiltinAdministratorsSid)
	if err != nil {
		return fmt.Errorf("administrators: %w", err)
	}
	is, err := windows.Token(0).IsMember(administrators) // LocalSystem is one, too
	if err != nil || !is {
		return &client.TunnelProblem{Key: locale.TunnelNeedsService, Err: err}
	}
	return nil
}

// tunAdapter is a network interface, and what leads into it. After open the goroutine of changes is the only one that
// uses socket, into and written, until close has stopped it.
type tunAdapter struct {
	config     Config
	setup      client.TunnelSetup
	blockLocal bool // see Config
	tun        tun.Device
	luid       winipcfg.LUID
	changes    *changes       // nil before open
	policy     *policyWatch   // nil = there is none
	filters    *wf.Session    // nil = there are none
	socket     *socketBinding // nil before open
	into       []netip.Prefix // the routes into the interface
	written    time.Time      // when the DNS rule was written last
}

// newTUN makes an interface. One that is up belongs to another agent: Windows removes those of programs that have
// ended, and the driver what Windows has left of them.
func newTUN(c Config, s client.TunnelSetup) (adapter, error) {
	if err := permittedTUN(); err != nil {
		return nil, err
	}
	if inUse() {
		return nil, &client.TunnelProblem{Key: locale.TunnelInUse}
	}
	tun.WintunTunnelType = adapterType
	dev, err := tun.CreateTUNWithRequestedGUID(AdapterName, &adapterGUID, s.MTU)
	if err != nil {
		return nil, fmt.Errorf("make interface %s: %w", AdapterName, err)
	}
	native, ok := dev.(*tun.NativeTun)
	if !ok {
		dev.Close()
		return nil, fmt.Errorf("interface %s is a %T", AdapterName, dev)
	}
	return &tunAdapter{config: c, setup: s, blockLocal: c.BlockLocal != nil && c.BlockLocal(), tun: dev, luid: winipcfg.LUID(native.LUID())}, nil
}

// inUse tells whether some program has the agent's interface up.
func inUse() bool {
	luid, err := winipcfg.LUIDFromGUID(&adapterGUID)
	if err != nil {
		return false
	}
	row, err := luid.Interface()
	return err == nil && row.OperStatus == winipcfg.IfOperStatusUp
}

func (a *tunAdapter) device() tun.Device { return a.tun }

func (a *tunAdapter) open(ctx context.Context, s client.TunnelSetup, bind conn.Bind) ([]client.Note, error) {
	err := waitForIP(ctx, a.luid)
	if err != nil {
		return nil, err
	}
	if a.changes, err = watchChanges(); err != nil {
		return nil, err
	}
	t, err := readTables(windows.AF_INET)
	if err != nil {
		return nil, err
	}
	if err := checkAddress(s, localNetworks(t.addresses, t.routes, t.ifaces, uint64(a.luid))); err != nil {
		return nil, err
	}
	if a.socket, err = newSocketBinding(bind, s, a.luid, a.config.Log); err != nil { // before anything leads into the tunnel
		return nil, err
	}
	if list := filtersFor(s, a.blockLocal); len(list) > 0 {
		if a.filters, err = putFilters(list, a.luid); err != nil {
			return nil, &client.TunnelProblem{Key: locale.TunnelNoFilters, Err: err}
		}
	}
	if err := a.configure(s); err != nil {
		return nil, err
	}
	p, err := a.route()
	if err != nil {
		return nil, err
	}
	if err := a.resolve(s); err != nil {
		return nil, err
	}
	a.changes.tell(a.changed)
	return notesOn(p, takesAll(s) && a.blockLocal), nil
}

// configure sets the interface's address, MTU and metric, and switches DNS registration, LLMNR and NetBIOS off.
func (a *tunAdapter) configure(s client.TunnelSetup) error {
	a.logError(writeValues(noRegistrationValues(adapterGUID.String())))
	if err := takeAddress(a.luid, s.Address); err != nil {
		return fmt.Errorf("address %s of interface %s: %w", s.Address, AdapterName, err)
	}
	row, err := a.luid.IPInterface(windows.AF_INET)
	if err != nil {
		return fmt.Errorf("interface %s: %w", AdapterName, err)
	}
	row.NLMTU = uint32(s.MTU)
	row.RouterDiscoveryBehavior = winipcfg.RouterDiscoveryDisabled
	row.DadTransmits = 0
	row.ManagedAddressConfigurationSupported = false
	row.OtherStatefulConfigurationSupported = false
	row.UseAutomaticMetric = false
	row.Metric = metricFor(s)
	if err := row.Set(); err != nil {
		return fmt.Errorf("MTU and metric of interface %s: %w", AdapterName, err)
	}
	return nil
}

// route plans the routes again, adds those that are missing, and deletes those that are no longer planned.
func (a *tunAdapter) route() (plan, error) {
	t, err := readTables(windows.AF_INET)
	if err != nil {
		return plan{}, err
	}
	local := localNetworks(t.addresses, t.routes, t.ifaces, uint64(a.luid))
	p := planRoutesWindows(a.setup, local, a.blockLocal)
	for _, n := range difference(p.Into, a.into) {
		err := a.luid.AddRoute(n, netip.IPv4Unspecified(), 0)
		if err != nil && !errors.Is(err, windows.ERROR_OBJECT_ALREADY_EXISTS) {
			return p, fmt.Errorf("route to %s: %w", n, err)
		}
		a.into = append(a.into, n)
	}
	for _, n := range difference(a.into, p.Into) {
		err := a.luid.DeleteRoute(n, netip.IPv4Unspecified())
		if err != nil && !errors.Is(err, windows.ERROR_NOT_FOUND) {
			return p, fmt.Errorf("remove the route to %s: %w", n, err)
		}
	}
	a.into = p.Into
	return p, nil
}

// changed rebinds the socket and plans the routes again after the computer's network has changed, and writes the DNS rule again
// when it is missing. It does not repeat checkAddress, because it cannot take the tunnel down.
func (a *tunAdapter) changed() {
	a.keepRule()
	if err := a.socket.rebind(); err != nil {
		a.config.Log(err.Error())
	}
	before := a.into
	if _, err := a.route(); err != nil {
		a.config.Log(err.Error())
		return
	}
	if more, less := difference(a.into, before), difference(before, a.into); len(more)+len(less) > 0 {
		a.config.Log(fmt.Sprintf("the network has changed: %d more routes into the tunnel, %d less", len(more), len(less)))
	}
}

// resolve makes the tunnel's DNS servers answer by a rule, for all names or for those under the suffixes, and also as those
// of the interface where they answer for all names. The suffixes complete short names. What an earlier program has set is
// overwritten in any case: Windows remembers it by the interface's GUID.
func (a *tunAdapter) resolve(s client.TunnelSetup) error {
	var suffixes []string
	if len(s.DNS) > 0 {
		suffixes = s.Suffixes
	}
	if err := setServers(adapterGUID, interfaceServers(s), suffixes); err != nil {
		return fmt.Errorf("DNS of interface %s: %w", AdapterName, err)
	}
	if len(nrptNames(s)) == 0 {
		return nil
	}
	watch, err := watchPolicy(a.changes.note, a.config.Log)
	if err != nil {
		a.logError(err) // the rule holds until policy changes
	}
	a.policy = watch
	return a.writeRule()
}

func (a *tunAdapter) writeRule() error {
	a.written = time.Now()
	policy, err := writeNRPT(a.setup)
	if err != nil {
		return err
	}
	a.logError(applyNRPT(policy))
	return nil
}

// keepRule writes the DNS rule again when group policy has removed it, or has made a table of its own.
func (a *tunAdapter) keepRule() {
	if len(nrptNames(a.setup)) == 0 || !nrptNeedsRewrite() {
		return
	}
	if wait := rewriteDelay(a.written, time.Now()); wait > 0 {
		time.AfterFunc(wait, a.changes.note)
		return
	}
	a.config.Log("group policy has changed: the DNS rule is written again")
	a.logError(a.writeRule())
}

// close removes the DNS rule, then the interface's routes, addresses and DNS servers, and last the filters, so that nothing goes
// past the tunnel before. The routes are removed before the interface because Windows may fail to remove an interface with
// active routes; WireGuard for Windows does the same (tunnel/interfacewatcher.go).
func (a *tunAdapter) close() {
	if a.policy != nil {
		a.policy.stop()
	}
	if a.changes != nil {
		a.changes.stop()
	}
	a.logError(removeNRPT())
	forget(a.luid)
	if a.filters != nil {
		a.logError(a.filters.Close())
	}
}

func (a *tunAdapter) logError(err error) {
	if err != nil {
		a.config.Log(err.Error())
	}
}

// forget removes the interface's routes, addresses and DNS servers. Windows does not let its own routes be removed: they go
// with the interface.
func forget(luid winipcfg.LUID) {
	luid.FlushRoutes(windows.AF_INET)
	luid.FlushIPAddresses(windows.AF_INET)
	setServers(adapterGUID, nil, nil)
}

// cleanUp removes what a killed program left behind: its DNS rule, and what the interface still has, if there is one.
// The filters went with the program. Where the interface is up, the program still runs.
func cleanUp(string) error {
	if permittedChanges() != nil || inUse() {
		return nil
	}
	failed := removeNRPT()
	luid, err := winipcfg.LUIDFromGUID(&adapterGUID)
	if err != nil {
		return failed // no interface
	}
	if _, err := luid.IPInterface(windows.AF_INET); err == nil { // it is there, and not only remembered
		forget(luid)
	}
	return failed
}
