package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"ideco-agent/agent"
)

const (
	reachTimeout = 3 * time.Second
	maxReached   = 8 // addresses of this computer at which a port is tried
)

// ports checks each port of the gateway: who listens, and whether the gateway answers at the addresses of this computer.
func (d *doctor) ports(ctx context.Context) (list []agent.Check) {
	if d.unsure != nil {
		return nil
	}
	sockets := readSockets()
	for i, part := range d.start.config(d.data).listening() {
		for _, where := range part.where {
			addresses, err := part.parse(where)
			if err != nil {
				continue // Check of the configuration refuses it at the start
			}
			for _, at := range addresses {
				p := port{doctor: d, at: at, flag: part.flag, plain: i == 2}
				list = append(list, p.check(ctx, sockets.tcp)...)
			}
		}
	}
	if d.start.Tunnel != TunnelOff {
		p := port{doctor: d, at: netip.AddrPortFrom(netip.IPv6Unspecified(), d.start.TunnelPort), flag: "--wireguard-port", udp: true}
		list = append(list, p.check(ctx, sockets.udp)...)
	}
	return list
}

// port is a port of the gateway.
type port struct {
	*doctor
	at    netip.AddrPort
	flag  string
	udp   bool
	plain bool // HTTP without TLS
}

func (p port) check(ctx context.Context, open []socket) []agent.Check {
	if p.pid == 0 {
		return p.checkStopped(open)
	}
	holders := slices.DeleteFunc(slices.Clone(open), func(s socket) bool { return !overlap(p.at, s.at) })
	if len(holders) == 0 {
		return p.result(agent.CheckPortClosed)
	}
	for _, s := range holders {
		if p.isOurs(s) {
			return p.reach(ctx)
		}
	}
	return p.result(agent.CheckPortTaken, "Program", holders[0].holder())
}

// isOurs reports whether a socket is the gateway's, as far as is visible. The kernel's own WireGuard has sockets without an inode.
func (p port) isOurs(s socket) bool {
	if p.udp && s.inode == "0" && s.uid == 0 {
		return true
	}
	if pid := s.process(); pid != 0 {
		return pid == p.pid
	}
	info, err := os.Stat(fmt.Sprintf("/proc/%d", p.pid))
	return err == nil && ownerOf(info) == s.uid
}

// checkStopped tries to listen for a moment, because the gateway does not.
func (p port) checkStopped(open []socket) []agent.Check {
	var err error
	if p.udp {
		var l *net.UDPConn
		if l, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(p.at)); err == nil {
			_ = l.Close()
		}
	} else {
		var l net.Listener
		if l, err = net.Listen("tcp", p.at.String()); err == nil {
			_ = l.Close()
		}
	}
	switch {
	case err == nil:
		return p.result(agent.CheckPortFree)
	case errors.Is(err, syscall.EADDRINUSE):
		for _, s := range open {
			if overlap(p.at, s.at) {
				return p.result(agent.CheckPortTaken, "Program", s.holder())
			}
		}
		return p.result(agent.CheckPortTaken, "Program", "?")
	case errors.Is(err, syscall.EACCES):
		return p.result(agent.CheckPortNoRights)
	}
	return p.result(agent.CheckPortNoAddress, "Address", p.at.Addr())
}

// reach connects to the port at the addresses of this computer.
func (p port) reach(ctx context.Context) []agent.Check {
	if p.udp {
		return p.result(agent.CheckPortUDP)
	}
	addresses := p.addresses()
	fails := probeAll(addresses, func(a netip.Addr) leadsTo { return p.probe(ctx, netip.AddrPortFrom(a, p.at.Port())) })
	var silent []netip.Addr
	for i, leads := range fails {
		if leads != leadsHere {
			silent = append(silent, addresses[i])
		}
	}
	if len(silent) > 0 {
		return p.result(agent.CheckPortUnreachable, "Addresses", joinAddrs(silent))
	}
	return p.result(agent.CheckPort, "Addresses", joinAddrs(addresses))
}

// addresses are those of this computer at which the port is open.
func (p port) addresses() []netip.Addr {
	if a := p.at.Addr(); !a.IsUnspecified() {
		return []netip.Addr{agent.Unmap(a)}
	}
	own := slices.DeleteFunc(interfaceAddresses(), func(a netip.Addr) bool { return p.at.Addr().Is4() && a.Is6() })
	return own[:min(len(own), maxReached)]
}

func (p port) probe(ctx context.Context, at netip.AddrPort) leadsTo {
	if p.plain {
		return probePlain(ctx, at)
	}
	return probeTLS(ctx, at, p.root())
}

func (p port) result(code agent.CheckCode, more ...any) []agent.Check {
	kind := "TCP"
	if p.udp {
		kind = "UDP"
	}
	about := args("Port", kind+" "+strconv.Itoa(int(p.at.Port())), "Flag", p.flag)
	maps.Copy(about, args(more...))
	return []agent.Check{agent.NewCheck(code, about)}
}

// probePlain reports whether something answers HTTP. Who listens is known from the sockets.
func probePlain(ctx context.Context, at netip.AddrPort) leadsTo {
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, "http://"+at.String()+"/", nil)
	if err != nil {
		return leadsNowhere
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return leadsNowhere
	}
	_ = response.Body.Close()
	return leadsHere
}

// probeTLS says who answers TLS. A gateway shows a chain of its own root for the name localhost.
func probeTLS(ctx context.Context, at netip.AddrPort, root *x509.Certificate) leadsTo {
	chain := servedChain(ctx, at, "localhost")
	switch {
	case len(chain) == 0 || root == nil:
		return leadsNowhere
	case endsWith(chain, root):
		return leadsHere
	}
	return leadsElsewhere
}

// servedChain returns the certificates that a server shows for a name; none if it does not answer. The name is empty for clients that
// connect by address. Whoever calls it judges the chain.
func servedChain(ctx context.Context, at netip.AddrPort, name string) []*x509.Certificate {
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", at.String())
	if err != nil {
		return nil
	}
	defer raw.Close()
	conn := tls.Client(raw, &tls.Config{ServerName: name, InsecureSkipVerify: true})
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil
	}
	return conn.ConnectionState().PeerCertificates
}

func endsWith(chain []*x509.Certificate, root *x509.Certificate) bool {
	return len(chain) > 0 && root != nil && bytes.Equal(chain[len(chain)-1].RawSubjectPublicKeyInfo, root.RawSubjectPublicKeyInfo)
}

// root returns the certificate of the gateway's own root; nil if it cannot be read.
func (d *doctor) root() *x509.Certificate {
	b, err := os.ReadFile(filepath.Join(d.data, "root.pem"))
	if err != nil {
		return nil
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil
	}
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	return root
}

// socket is an open port of this computer.
type socket struct {
	at    netip.AddrPort
	uid   int
	inode string
}

type sockets struct{ tcp, udp []socket }

func readSockets() sockets {
	const listens = "0A"
	return sockets{
		tcp: append(parseSockets("/proc/net/tcp", listens), parseSockets("/proc/net/tcp6", listens)...),
		udp: append(parseSockets("/proc/net/udp", ""), parseSockets("/proc/net/udp6", "")...),
	}
}

// parseSockets reads a file of the form of /proc/net/tcp. It leaves out other states, and sockets that have a peer.
func parseSockets(path, state string) (list []socket) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(b)) {
		words := strings.Fields(line) // sl, local_address, rem_address, st, queues, tr, retrnsmt, uid, timeout, inode
		if len(words) < 10 || state != "" && words[3] != state {
			continue
		}
		at, ok := kernelAddrPort(words[1])
		peer, known := kernelAddrPort(words[2])
		uid, err := strconv.Atoi(words[7])
		if ok && known && err == nil && peer.Port() == 0 {
			list = append(list, socket{at, uid, words[9]})
		}
	}
	return list
}

// process returns the process that has the socket; 0 if it is not visible.
func (s socket) process() int {
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && to == "socket:["+s.inode+"]" {
			pid, _ := strconv.Atoi(strings.Split(link, "/")[2])
			return pid
		}
	}
	return 0
}

// holder names the program that has the socket, or else its user.
func (s socket) holder() string {
	pid := s.process()
	if pid == 0 {
		return userName(s.uid)
	}
	name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return fmt.Sprintf("%s (%d)", strings.TrimSpace(string(name)), pid)
}

// tcpPort returns the port of the first address of a list of listen addresses; 0 if there is none.
func tcpPort(where []string) uint16 {
	if len(where) == 0 {
		return 0
	}
	_, text, _ := net.SplitHostPort(where[0])
	n, _ := strconv.ParseUint(text, 10, 16)
	return uint16(n)
}
