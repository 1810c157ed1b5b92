// Package handlers is what each URL of the gateway does, one action a file. Every file reads top to bottom: parse,
// decide, call, answer. routes.go is the whole site map with its access rules; errors.go is the one place that answers
// an error. The other packages are reached through small interfaces, each beside the handlers that need it.
package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
)

// Site has everything the routes need. All exported fields are required.
type Site struct {
	Log          *slog.Logger
	Gate         *access.Gate // checks logins and passwords
	Sessions     *access.Manager
	Settings     Settings
	AgentHosts   AgentHosts // the hosts by which agents connect
	Accounts     Accounts
	Groups       Groups
	Passwords    Passwords
	Directories  Directories
	Browsers     Browsers
	Installer    Installer
	Downloads    Downloads
	Root         RootCertificate
	Certificates Certificates
	Journal      Journal
	Acts         Acts
	AuthRules    AuthRules
	Overview     Overview
	Backups      Backups
	System       func() agent.SystemFacts
	Doctor       Doctor
	Service      func(context.Context) agent.ServiceFacts
	// PubliclyTrusted reports whether the portal's certificate for the saved domain is from a public CA, which browsers trust. The own
	// root and a company's CA do not count.
	PubliclyTrusted func() bool
	Setup           SetupToken
	Addressing      Addressing
	Health          func(context.Context) error // nil if all parts run
	Storing         func() agent.StoreTrouble   // why nothing can be stored; "" if it can
	Tunnel          Tunnel
	Gateway         Gateway
	// Portal returns the URL of the portal for a peer inside that connected to the gateway's address arrival; "" = not known.
	Portal func(arrival netip.Addr) string

	// Challenge answers a request of a CA that checks a name of the gateway (ACME HTTP-01), and reports whether it was one.
	Challenge func(http.ResponseWriter, *http.Request) bool

	Scratch       string // directory for temporary files, made when it is needed
	MaxAgents     int    // the most connections of agents, with a session or without
	AgentDownload string // port and path of the installer for agents, such as ":14765/IdecoAgent.msi"

	downloads           downloadSlots // of the installer from the agent endpoint
	exports             downloadSlots // exported tables and streamed answers of the journal
	workbook            sync.Mutex    // held while a workbook of the journal is made
	agents              agentConns
	overview            overviewFigures
	ssoPlaces           ssoPlaces
	webTokens           webTokens
	healthFaults        repeatFilter
	drafts              kept[draft]       // passwords of search accounts between test and saving
	imports             kept[importDraft] // files of accounts between preview and confirmation
	restores            kept[string]      // checked backups until the restore is confirmed; see Backups.Stage
	acmeDrafts          kept[acmeDraft]   // settings for ordering certificates until the terms are accepted
	guestTimeoutInTests time.Duration     // 0 = protocol.GuestTimeout
	writeTimeoutInTests time.Duration     // 0 = WriteTimeout
}

// Tunnel is the state of the tunnel.
type Tunnel interface {
	Available() bool         // people outside can connect now
	Forwards() bool          // the gateway forwards their traffic
	Lacks() agent.TunnelLack // why Forwards is false
}

// Addressing knows the gateway's names and addresses, and where a peer is relative to them.
type Addressing interface {
	// Known reports whether host is a name or address of the gateway; it is in canonical form and without a port.
	Known(host string) bool
	Own(netip.Addr) bool                             // reports whether this machine has the address
	Peer(peer netip.Addr, through string) agent.Peer // decides whether a peer is in the LAN; through is agent.Peer.Interface

	// AgentAddrsNear returns the agent endpoint's addresses in the network that a peer is attached to. It is empty if the
	// peer is behind a router.
	AgentAddrsNear(peer netip.Addr) []netip.AddrPort
}
