package agent

import "time"

// ServiceNames are the names of the gateway's service in systemd: its own and its aliases.
var ServiceNames = []string{"ideco-agent-backend", "ideco-agent-server", "ideco-agent-websocket"}

// ServiceFacts are facts about the gateway's process.
type ServiceFacts struct {
	PID        int
	Started    time.Time
	Memory     uint64 // resident set in bytes; 0 = unknown
	Supervised bool   // systemd started the process and waits for its notifications
	Ports      []ServicePort
	Stuck      []string // what does not answer: LiveDatabase, LiveSessions, LiveFirewall, or the address of a port
	Versions   ServiceVersions
	Records    []LogRecord // the newest first
}

// Parts that must answer and have no port.
const (
	LiveDatabase = "database"
	LiveSessions = "sessions"
	LiveFirewall = "firewall"
)

// ServicePort is where a part of the gateway listens.
type ServicePort struct {
	Part    ServicePart
	Address string // "[::]:8443"; of the tunnel the port alone
	UDP     bool
	Answers bool
}

// ServicePart is a part of the gateway that listens.
type ServicePart string

// Parts.
const (
	PartPortal ServicePart = "portal"
	PartAgent  ServicePart = "agent" // agent endpoint and WebSocket
	PartHTTP   ServicePart = "http"
	PartTunnel ServicePart = "wireguard"
)

// ServiceVersions are versions as texts; empty = unknown.
type ServiceVersions struct {
	Program   string
	Go        string
	Kernel    string
	NFTables  string // of the program nft
	Schema    string // of the database
	Installer string // of the program in the installer; empty = there is no installer
}

// LogRecord is a record of the gateway's log.
type LogRecord struct {
	At    time.Time // the last time
	Count int       // how often it came in a row
	Error bool      // otherwise it is a warning
	Text  string    // the message and the attributes
}
