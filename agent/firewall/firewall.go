// Package firewall enforces sessions with one nftables table, whose sets hold the addresses of live sessions.
//
// # What is filtered
//
// Only the table "inet ideco_agent" is ever changed. It filters packets between chosen LAN and chosen WAN interfaces in
// both directions, and packets of the tunnel's interface. It accepts everything else, which is left to the administrator's
// rules: LAN to LAN, other interfaces, and published services (connections that another table forwards into the LAN by
// DNAT). Without chosen interfaces there is no table.
//
//	LAN to WAN     accepted if the host is in a set or the destination is open before login. Otherwise rejected, or dropped
//	               if the source is in no local network. Packets to the VPN network while the tunnel is down are dropped.
//	WAN to LAN     accepted: replies to hosts in a set, published services. Everything else is dropped.
//	from a tunnel  accepted from addresses with a session: to the networks that VPN users may reach, to port 53 of their
//	               DNS servers, to plain HTTP, the portal and the agent endpoint at the gateway's address in the tunnel,
//	               and to each other only where that is allowed. Everything else is rejected.
//	to a tunnel    accepted: replies to addresses with a session.
//
// A host on an attached network is matched by interface, MAC and address. A host behind a router is matched by interface
// and address, because its MAC is not visible. No rule accepts all established connections: every packet is looked up, so
// a running download stops when its session ends.
//
// DNS that is open before login is limited to 20 packets a second per address, and to 1,000 per MAC. The comment of the
// chain dns in rules.nft.tmpl says how this withstands spoofed addresses.
//
// The program nft loads the rules from text, here and at boot. Elements, counters and dumps go over netlink for speed.
//
// # Fail closed
//
// Elements expire after Plan.Timeout and are refreshed at a third of it. The table stays when the process stops or dies;
// then access ends when the elements expire. The next process adopts the table: its first Apply replaces the rules and
// keeps the elements, whose comments name their session and user. An adopted element is refreshed only after its session
// was granted or readmitted; others expire. Readmit does not restore what has expired, because somebody else may have
// the address by then. Kernels before 6.12 cannot refresh elements; there they are replaced in one transaction.
//
// If somebody removes or changes the table, it is restored with all elements within half a second. Elements that expired
// because this process was stopped are restored too: their sessions were not revoked.
//
// # Sessions
//
// Grant returns after the element was read back from the kernel. Revoke returns at once. Removals are batched for a few
// milliseconds, because a transaction that removes something takes about ten, and are repeated until they succeed. Grants
// and revocations keep their order. Sessions of KindVPN are let through by their address in the tunnel, others by their LAN
// address. Granting an address that no chosen LAN interface leads to succeeds and adds no element; the element is added
// when the chosen interfaces change.
//
// The MAC comes from the neighbour table when the session is granted, because its agent has just sent packets from
// there. If the kernel does not know the MAC, the host is probed, and let through when it answers. Later changes of the
// neighbour table, which any computer in the network can cause, do not change the MAC of an address, even if its
// session or another one of the same user is granted again. ChangedMACs, ProveMAC and ChangeMAC let it follow its host.
// If this process may not open raw sockets, the MAC is instead read again with each grant.
//
// A session of KindStatic is let through with Session.MACStored, the MAC of its rule, and not at all where the firewall cannot see MACs.
// Without a MACStored any computer at the address is let through. A session of KindWeb has a MACStored only after a restart.
//
// When an address is closed or goes to another person, its connections are deleted from conntrack, so that nobody gets
// replies to somebody else. When the table is created, the connections of all hosts without a session behind chosen
// interfaces are deleted. Connections that need no session stay: to the gateway itself, inside the LAN, and to local
// networks behind interfaces that are not filtered. There the next holder of an address may still get packets meant for
// the previous one. Connections to local networks behind a WAN interface, and to networks that are not local, are deleted.
package firewall

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"ideco-agent/agent"
)

// Modes of a firewall.
const (
	ModeAuto     = "auto"     // nftables, or nothing with a warning where it does not work
	ModeNFTables = "nftables" // nftables, or an error
	ModeOff      = "off"      // no firewall
)

// Options configure a Firewall.
type Options struct {
	Mode   string // one of the modes; empty = ModeAuto
	Log    *slog.Logger
	Report func(Incident) // called, one at a time, for changes made by others; may be nil, and must not call the Firewall

	replace  bool     // refreshes elements as on old kernels, for tests
	programs []string // paths of nft, for tests; empty = in PATH and /usr/sbin, which is in no user's PATH
}

// Firewall is the table in force. Its methods may be called from any goroutine.
//
// One goroutine, the reconciler, makes all changes. Methods send it tasks or calls. The mutex is never held during kernel
// calls, so reading does not wait for the kernel.
type Firewall struct {
	mode    string
	problem error // why there is no firewall under ModeAuto
	log     *slog.Logger
	report  func(Incident)
	calls   chan func(*reconciler)
	wake    chan struct{} // there are tasks
	probed  chan struct{} // a probed host may have answered
	stop    chan struct{} // closed by Close
	stopped chan struct{} // closed by the reconciler

	mu     sync.Mutex // guards the fields below
	tasks  []*task
	closed bool
	views  map[string]view // of the LAN sessions that the rules apply to, by ID
}

// view is what Traffic and MACs return of a session in the LAN.
type view struct {
	traffic agent.Traffic
	mac     mac // zero behind a router
}

// Open checks that nftables works and starts the reconciler. It changes nothing in the kernel. Under ModeNFTables the error
// says why nftables does not work and how an operator can fix it.
func Open(o Options) (*Firewall, error) {
	f := &Firewall{mode: cmp.Or(o.Mode, ModeAuto), log: o.Log, report: o.Report, calls: make(chan func(*reconciler)), wake: make(chan struct{}, 1), probed: make(chan struct{}, 1),
		stop: make(chan struct{}), stopped: make(chan struct{}), views: map[string]view{}}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	switch f.mode {
	case ModeOff:
		close(f.stopped)
		return f, nil
	case ModeAuto, ModeNFTables:
	default:
		return nil, fmt.Errorf("no firewall is called %q; choose %s, %s or %s", f.mode, ModeAuto, ModeNFTables, ModeOff)
	}
	if err := f.start(o); err != nil {
		if f.mode == ModeNFTables {
			return nil, err
		}
		f.mode, f.problem = ModeOff, err
		f.log.Warn("there is no firewall: hosts reach the Internet without a session", "error", err)
		close(f.stopped)
		return f, nil
	}
	f.mode = ModeNFTables
	return f, nil
}

func (f *Firewall) start(o Options) error {
	kn, err := dial()
	if err != nil {
		return explain(err)
	}
	var elements []found
	nft, err := kn.checkSupport(o.programs)
	if err == nil {
		elements, err = kn.list(sessionSets)
	}
	if err != nil {
		kn.close()
		return explain(err)
	}
	r := newReconciler(f, kn, nft, elements, o.replace)
	if err := errors.Join(kn.removeFrameTables(), canSendFrames(nft)); err != nil {
		f.log.Warn("the former MAC of a computer cannot be asked (it takes /dev/net/tun, and nft_fwd_netdev and nft_dup_netdev in the kernel); computers whose MAC changes must log in again", "error", err)
	} else {
		r.canProveMAC = true
	}
	go r.run()
	return nil
}

// Mode returns ModeNFTables or ModeOff.
func (f *Firewall) Mode() string { return f.mode }

// Problem returns why nftables does not work under ModeAuto; nil if it does, or if ModeOff was asked for.
func (f *Firewall) Problem() error { return f.problem }

// ErrClosed is returned by methods of a closed Firewall.
var ErrClosed = errors.New("the firewall is closed")

// Apply puts a plan in force in one transaction. Sessions stay let through unless their interface is no longer chosen. An
// empty plan removes the table. Errors: ErrPlan, ErrClosed and kernel errors, after which the former plan is in force; and
// *FlowtableError, after which the new plan is in force but a foreign flowtable bypasses it.
func (f *Firewall) Apply(ctx context.Context, p Plan) error {
	if err := p.Check(); err != nil {
		return err
	}
	if f.mode == ModeOff {
		return nil
	}
	return f.call(ctx, func(r *reconciler) error { return r.apply(p) })
}

// Try checks whether a plan can be enforced here. It changes nothing. Errors: as of Apply.
func (f *Firewall) Try(ctx context.Context, p Plan) error {
	if err := p.Check(); err != nil || f.mode == ModeOff || p.Empty() {
		return err
	}
	return f.call(ctx, func(r *reconciler) error { return r.kernel.checkFlowtables(p) })
}

// call runs a function in the reconciler and waits for it. Once the function has begun, ctx no longer ends the wait.
func (f *Firewall) call(ctx context.Context, do func(*reconciler) error) error {
	done := make(chan error, 1)
	select {
	case f.calls <- func(r *reconciler) { done <- do(r) }:
		return <-done
	case <-f.stopped:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Answers returns when the reconciler has done what is queued, or when ctx is done before that.
func (f *Firewall) Answers(ctx context.Context) error {
	if f.mode == ModeOff {
		return nil
	}
	return f.call(ctx, func(*reconciler) error { return nil })
}

// Close stops the reconciler after the tasks that are queued. The table stays. Its elements expire after Plan.Timeout unless
// another process adopts it.
func (f *Firewall) Close() error {
	f.mu.Lock()
	closed := f.closed
	f.closed = true
	f.mu.Unlock()
	if !closed {
		close(f.stop)
	}
	<-f.stopped
	return nil
}

// Traffic returns the bytes of every session in the LAN, by session ID, at most a few seconds old. It never waits for the
// kernel. WireGuard counts the sessions in the tunnel.
func (f *Firewall) Traffic() map[string]agent.Traffic {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make(map[string]agent.Traffic, len(f.views))
	for id, s := range f.views {
		all[id] = s.traffic
	}
	return all
}

// MACs returns the MACs by which sessions are let through, by session ID. Sessions behind a router have none.
func (f *Firewall) MACs() map[string]net.HardwareAddr {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make(map[string]net.HardwareAddr, len(f.views))
	for id, s := range f.views {
		if s.mac != (mac{}) {
			all[id] = net.HardwareAddr(s.mac[:])
		}
	}
	return all
}
