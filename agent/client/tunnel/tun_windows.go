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

// HasTUN reports whether the program can create a network interface on this system.
const HasTUN = true

const adapterType = "Ideco" // the driver's "tunnel type"

// adapterGUID is always the same, so that Windows recognizes the network each time and the settings of an earlier run
// can be found.
var adapterGUID = windows.GUID{Data1: 0x6c1d2a94, Data2: 0x3b7e, Data3: 0x4f0d, Data4: [8]byte{0xa1, 0x5e, 0x27, 0xd9, 0x80, 0x4c, 0x6b, 0x13}}

// permittedTUN returns an error when this process may not create a network interface or the driver is missing.
func permittedTUN() error {
	if err := permittedChanges(); err != nil {
		return err
	}
	if err := loadWintun(); err != nil {
		return &client.TunnelProblem{Key: locale.TunnelNoWintun, Err: err}
	}
	return nil
}

// permittedChanges returns an error when this process may not change the computer's network settings.
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

// tunAdapter is a network interface with its routes. After open, until close has stopped it, only the goroutine of
// changes uses socket, into and written.
type tunAdapter struct {
	config     Config
	setup      client.TunnelSetup
	blockLocal bool // see Config
	tun        *tun.NativeTun
	luid       winipcfg.LUID
	routeWatch *routeWatch    // nil before open
	policy     *policyWatch   // nil = there is none
	filters    *wf.Session    // nil = there are none
	socket     *socketBinding // nil before open
	into       []netip.Prefix // the routes into the interface
	written    time.Time      // when the DNS rule was written last
}

// newTUN creates the interface. One that is up belongs to another agent: Windows removes interfaces of programs that
// have ended, and the driver removes their remains.
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
		return nil, fmt.Errorf("create interface %s: %w", AdapterName, err)
	}
	native, ok := dev.(*tun.NativeTun)
	if !ok {
		dev.Close()
		return nil, fmt.Errorf("interface %s is a %T", AdapterName, dev)
	}
	return &tunAdapter{config: c, setup: s, blockLocal: c.BlockLocal != nil && c.BlockLocal(), tun: native, luid: winipcfg.LUID(native.LUID())}, nil
}

// inUse reports whether the agent's interface is up in another program.
func inUse() bool {
	luid, err := winipcfg.LUIDFromGUID(&adapterGUID)
	if err != nil {
		return false
	}
	row, err := luid.Interface()
	return err == nil && row.OperStatus == winipcfg.IfOperStatusUp
}

func (a *tunAdapter) device() tun.Device { return a.tun }

func (a *tunAdapter) open(ctx context.Context, s client.TunnelSetup, bind conn.Bind, pathChanged func()) ([]client.TunnelNote, error) {
	err := waitForIP(ctx, a.luid)
	if err != nil {
		return nil, err
	}
	if a.routeWatch, err = watchRoutes(); err != nil {
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
	if err := a.setDNS(s); err != nil {
		return nil, err
	}
	a.routeWatch.start(func() {
		a.changed()
		pathChanged()
	})
	return planNotes(p, takesAll(s) && a.blockLocal), nil
}

// configure sets the interface's address, MTU and metric, and switches DNS registration, LLMNR and NetBIOS off.
func (a *tunAdapter) configure(s client.TunnelSetup) error {
	a.logError(writeValues(noRegistrationValues(adapterGUID.String())))
	if err := setAddress(a.luid, s.Address); err != nil {
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

func (a *tunAdapter) setMTU(mtu int) error {
	row, err := a.luid.IPInterface(windows.AF_INET)
	if err != nil {
		return fmt.Errorf("interface %s: %w", AdapterName, err)
	}
	row.NLMTU = uint32(mtu)
	if err := row.Set(); err != nil {
		return fmt.Errorf("MTU of interface %s: %w", AdapterName, err)
	}
	a.tun.ForceMTU(mtu) // wireguard-go does not watch the interface
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

// changed rebinds the socket and plans the routes again after the network has changed, and restores the DNS rule. It
// does not repeat checkAddress, because it cannot take the tunnel down.
func (a *tunAdapter) changed() {
	a.restoreRule()
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

// setDNS sets the tunnel's DNS servers by a rule, for all names or for those under the suffixes, and also on the
// interface when they answer for all names. The suffixes complete short names. Settings of an earlier program are
// overwritten in any case, because Windows keeps them under the interface's GUID.
func (a *tunAdapter) setDNS(s client.TunnelSetup) error {
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
	watch, err := watchPolicy(a.routeWatch.signal, a.config.Log)
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

// restoreRule writes the DNS rule again when group policy has removed it or created its own table.
func (a *tunAdapter) restoreRule() {
	if len(nrptNames(a.setup)) == 0 || !nrptNeedsRewrite() {
		return
	}
	if wait := rewriteDelay(a.written, time.Now()); wait > 0 {
		time.AfterFunc(wait, a.routeWatch.signal)
		return
	}
	a.config.Log("group policy has changed: the DNS rule is written again")
	a.logError(a.writeRule())
}

// close removes the DNS rule, then the interface's routes, addresses and DNS servers, and last the filters, so that
// no traffic goes outside the tunnel before. The routes are removed before the interface because Windows may fail to
// remove an interface with active routes; WireGuard for Windows does the same (tunnel/interfacewatcher.go).
func (a *tunAdapter) close() {
	if a.policy != nil {
		a.policy.stop()
	}
	if a.routeWatch != nil {
		a.routeWatch.stop()
	}
	a.logError(removeNRPT())
	resetInterface(a.luid)
	if a.filters != nil {
		a.logError(a.filters.Close())
	}
}

func (a *tunAdapter) logError(err error) {
	if err != nil {
		a.config.Log(err.Error())
	}
}

// resetInterface removes the interface's routes, addresses and DNS servers. Windows removes its own routes with the
// interface.
func resetInterface(luid winipcfg.LUID) {
	luid.FlushRoutes(windows.AF_INET)
	luid.FlushIPAddresses(windows.AF_INET)
	setServers(adapterGUID, nil, nil)
}

// cleanUp removes the remains of a killed program: the DNS rule and the settings of the interface, if it exists.
// The filters ended with the program. It does nothing when the interface is up, because its program still runs.
func cleanUp(string) error {
	if permittedChanges() != nil || inUse() {
		return nil
	}
	failed := removeNRPT()
	luid, err := winipcfg.LUIDFromGUID(&adapterGUID)
	if err != nil {
		return failed // no interface
	}
	if _, err := luid.IPInterface(windows.AF_INET); err == nil { // the interface exists, not only its LUID
		resetInterface(luid)
	}
	return failed
}
