// Package handlers is what each URL of the gateway does, one action a file. Every file reads top to bottom: parse,
// decide, call, answer. routes.go is the whole site map with its access rules; errors.go is the one place that answers
// an error. Adapters are reached through the small interfaces that stand beside the handlers that need them.
package handlers

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
)

// Site is what the routes work with. All fields are needed.
type Site struct {
	Log       *slog.Logger
	Gate      *access.Gate
	Sessions  *access.Manager
	Settings  Settings
	Accounts  Accounts
	Passwords Passwords
	Browsers  Browsers
	Installer Installer
	Downloads Downloads
	Root      Root
	Setup     SetupLink
	Hosts     Hosts
	Health    func(context.Context) error // nil when all parts run
	Tunnel    Tunnel
	Gateway   Gateway
	Portal    func() string // absolute URL of the portal for people in the LAN; "" until there is a domain

	MaxAgents     int    // connections of agents, with a session or without
	AgentDownload string // where agents fetch the installer: port and path, such as ":14765/IdecoAgent.msi"

	downloads           downloadSlots
	agents              agentConns
	faults              lastLine      // of health
	guestTimeoutInTests time.Duration // 0 = protocol.GuestTimeout
	writeTimeoutInTests time.Duration // 0 = WriteTimeout
}

// Tunnel is what the pages say of the tunnel.
type Tunnel interface {
	Available() bool // people outside can get in now
	Forwards() bool  // their traffic goes on from the gateway
}

// Hosts knows under which names and addresses this gateway answers.
type Hosts interface {
	Known(host string) bool                       // a host of a request, without a port
	Own(netip.Addr) bool                          // one of this machine's addresses
	Peer(peer netip.Addr, through int) agent.Peer // the one answer to who is in the LAN; see agent.Peer.Interface

	// Neighbourhood is where the agent endpoint answers in the network that a peer is attached to. The gateway's
	// certificate is good for these addresses. None: the peer is behind a router.
	Neighbourhood(peer netip.Addr) []netip.AddrPort
}
