// Package firewall holds packets to the sessions: one table of nftables, in which an address stands for exactly as long
// as its session lives.
//
// # What is judged
//
// The table "inet ideco_agent" is the only thing that is ever changed. Its chains accept what they do not speak of; they
// judge packets between a chosen LAN and a chosen WAN interface, both ways, and those of the tunnel's interface.
// Everything else is the administrator's: LAN to LAN, other interfaces, published services (connections from outside that
// another table forwards into the LAN by DNAT, with their answers). Without chosen interfaces there is no table.
//
//	LAN to WAN     the host is in a set, or the destination is open before login; otherwise an answer that refuses, or none
//	               where the source is in no local network; what is meant for the tunnel while its interface is away is
//	               dropped
//	WAN to LAN     answers to hosts in a set; published services; nothing else
//	from a tunnel  addresses with a session, to the networks that VPN users may reach, to port 53 of their DNS servers and
//	               to the page, portal and agent endpoint at the gateway's address in the tunnel, and to each other only
//	               where that is allowed
//	to a tunnel    answers to addresses with a session
//
// A host on an attached network is let through by interface, MAC and address together; a host behind a router, whose MAC
// nobody sees, by interface and address. There is no rule that accepts whatever is established: every packet is looked
// up, so that a running download stops at the moment when its session ends.
//
// DNS that is open before login is limited to 20 packets a second from each address, and to 1,000 from all addresses of one
// MAC; over TCP a question takes several. Hosts with made-up addresses cannot lock others out of it: see Plan.dns.
//
// The rules are text that the program nft loads, here as at boot. Elements, counters and dumps go over netlink, because they
// are many and have to be fast.
//
// # Fail closed
//
// Elements expire after Plan.Timeout and are refreshed at a third of it. If the process dies, what it let through ends by
// itself. The table stays when the process ends in order too: the next process adopts it, and its first Apply replaces the
// rules but keeps the elements, which say in their comments whose they are. An element is refreshed again once its
// session was granted again; others expire. Until an agent has come back its session is only readmitted: what has expired
// meanwhile stays closed, because somebody else may have the address by then. Kernels before 6.12 do not refresh elements;
// there they are replaced, in one step.
//
// Whoever removes or changes the table is noticed within half a second, and it is put back with everybody in it. What runs
// out because this process was stopped for longer than the timeout is put back too: whose session is live is not for the
// firewall to say.
//
// # Sessions
//
// Grant returns when the kernel has the element and was asked whether it has. Revoke returns at once; removals are
// gathered for a few milliseconds, because each transaction of the kernel that removes something takes about ten, and are
// repeated until they work. Both keep their order. Sessions of KindVPN are let through by their address in the tunnel,
// others by their LAN address. An address that no chosen LAN interface leads to has nothing that could be let through, and
// granting it is no error; it follows when the interfaces change.
//
// The MAC comes from the neighbour table when the session is granted: its agent has just spoken from there. Where the
// kernel does not know it, the host is called and let through when it answers. Granting a session again takes over a MAC
// that has changed. Another plan, another process or an interface that comes back does not: nobody has logged in from the MAC
// that stands there by then.
//
// When an address is taken away or goes to another person, the kernel forgets the connections that it began, so that nobody
// gets answers to somebody else; so it does with everybody without a session behind a chosen interface when the table comes
// into being. What takes no session goes on: connections to the gateway itself, inside the LAN, and to local networks behind
// interfaces that are not judged. The next owner of an address may get what a server there still sends to the former one, as
// from a neighbour in the LAN: nobody judges those packets, and the server may send them unasked just as well. Connections to
// local networks that a WAN interface leads to are judged and forgotten like all others, and so are those to networks that
// nobody calls local, whatever leads there.
package firewall

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"

	"ideco-agent/agent"
)

// Modes of a firewall.
const (
	ModeAuto     = "auto"     // nftables, or nothing with a warning where it does not work
	ModeNFTables = "nftables" // nftables, or an error
	ModeOff      = "off"      // nothing
)

// Options are what a Firewall is made from.
type Options struct {
	Mode   string // one of the modes; empty = ModeAuto
	Log    *slog.Logger
	Report func(Incident) // told, one at a time, of what others did to the table; may be nil, and must not call the Firewall

	replace  bool     // refreshes elements as on old kernels, for tests
	programs []string // where nft may be, for tests; empty = in PATH and /usr/sbin, which is in no user's PATH
}

// Firewall is the table in force. Its methods may be called from any goroutine.
//
// One goroutine, the keeper, makes all changes, one after the other; whoever wants something leaves it a task. The mutex
// is held for moments, so that reading never waits.
type Firewall struct {
	mode    string
	problem error // why there is no firewall under ModeAuto
	log     *slog.Logger
	report  func(Incident)
	calls   chan func(*keeper)
	wake    chan struct{} // there are tasks
	heard   chan struct{} // a host that was called may have answered
	stop    chan struct{} // closed by Close
	stopped chan struct{} // closed by the keeper

	mu     sync.Mutex // guards what follows
	tasks  []*task
	closed bool
	seen   map[string]view // sessions that are judged in the LAN, by their ID
}

// view is what readers see of a session in the LAN.
type view struct {
	traffic agent.Traffic
	mac     mac // zero behind a router
}

// Open finds out whether nftables works here, and starts to keep what Apply will put in force. It changes nothing yet.
// Under ModeNFTables the error says why it does not work and what an operator can do about it.
func Open(o Options) (*Firewall, error) {
	f := &Firewall{mode: cmp.Or(o.Mode, ModeAuto), log: o.Log, report: o.Report, calls: make(chan func(*keeper)), wake: make(chan struct{}, 1), heard: make(chan struct{}, 1),
		stop: make(chan struct{}), stopped: make(chan struct{}), seen: map[string]view{}}
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
		return reasonOf(err)
	}
	nft, err := kn.findTools(o.programs)
	if err != nil {
		kn.close()
		return reasonOf(err)
	}
	if err := deleteFlows(unix.AF_INET, flows{of: func(netip.Addr) bool { return false }}); err != nil {
		kn.close()
		return fmt.Errorf("the kernel's list of connections cannot be read: %w; it takes nf_conntrack_netlink", err)
	}
	elements, err := kn.list(sessionSets)
	if err != nil {
		kn.close()
		return fmt.Errorf("reading the table of the process before: %w", err)
	}
	k := newKeeper(f, kn, nft, elements, o.replace)
	go k.run()
	return nil
}

// Mode tells what is running: ModeNFTables or ModeOff.
func (f *Firewall) Mode() string { return f.mode }

// Problem tells why there is no firewall although one was wanted; nil when there is one or none was.
func (f *Firewall) Problem() error { return f.problem }

// ErrClosed is why a firewall that was closed does nothing.
var ErrClosed = errors.New("the firewall is closed")

// Apply puts a plan in force, in one step. Who is let through stays so, apart from those whose interface is no longer
// chosen. An empty plan removes the table. Errors: ErrPlan, ErrClosed, what the kernel says; the former
// plan is in force then. A *FlowtableError says that the plan is in force and somebody's flowtable carries packets past it.
func (f *Firewall) Apply(ctx context.Context, p Plan) error {
	if err := p.Check(); err != nil {
		return err
	}
	if f.mode == ModeOff {
		return nil
	}
	return f.call(ctx, func(k *keeper) error { return k.apply(p) })
}

// Try tells whether a plan can be enforced here, and changes nothing. Errors: as of Apply.
func (f *Firewall) Try(ctx context.Context, p Plan) error {
	if err := p.Check(); err != nil || f.mode == ModeOff || p.Empty() {
		return err
	}
	return f.call(ctx, func(k *keeper) error { return k.kernel.checkFlowtables(p) })
}

// call has the keeper do something, and waits for it also when ctx ends after it has begun.
func (f *Firewall) call(ctx context.Context, do func(*keeper) error) error {
	done := make(chan error, 1)
	select {
	case f.calls <- func(k *keeper) { done <- do(k) }:
		return <-done
	case <-f.stopped:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close stops keeping. The table stays, and ends what it lets through after Plan.Timeout unless another process adopts it.
// Revocations that were asked for are made before.
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
// kernel. Sessions in the tunnel are counted by their peers.
func (f *Firewall) Traffic() map[string]agent.Traffic {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make(map[string]agent.Traffic, len(f.seen))
	for id, s := range f.seen {
		all[id] = s.traffic
	}
	return all
}

// MACs returns the MACs by which sessions are let through, by session ID. Sessions behind a router have none.
func (f *Firewall) MACs() map[string]net.HardwareAddr {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make(map[string]net.HardwareAddr, len(f.seen))
	for id, s := range f.seen {
		if s.mac != (mac{}) {
			all[id] = net.HardwareAddr(s.mac[:])
		}
	}
	return all
}
