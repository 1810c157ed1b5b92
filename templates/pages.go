// Package templates holds the pages of the portal: one typed struct and one templ function for each. A page gets
// everything it shows through its struct, asks nobody for more and escapes whatever came from outside. All texts come
// from [ideco-agent/templates/locale]; texts in a struct (errors, toasts) are already in the person's language.
//
// The pages hold no inline script and no inline style, so that they work under a Content-Security-Policy of
// "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action
// 'self'". Everything but conveniences works without script. Every form carries the hidden field [CSRFField].
package templates

import (
	"time"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// CSRFField is the name of the hidden field with the token against cross-site requests.
const CSRFField = "_csrf"

// Page is what every page needs.
type Page struct {
	L     *locale.Localizer
	Path  string      // of the current URL; marks the place in the navigation
	User  *agent.User // nil: nobody is signed in
	CSRF  string      // value of CSRFField
	Theme string      // "light", "dark", or "" for what the person's system says
	Toast string      // shown once for five seconds: an act that worked
	Alert string      // stays above the content: an act that did not
}

// LoginData fills [Login].
type LoginData struct {
	Login string // as typed before
	Error string // why the attempt was refused
}

// SetupData fills [Setup], where the first administrator is made.
type SetupData struct {
	Token  string // of the link; part of the form's address
	Login  string
	Name   string
	Errors map[string]string // by field: login, name, psw, psw2
}

// ConfirmData fills [Confirm], which asks once before an act that hurts. The constructors in confirm.go know the words.
type ConfirmData struct {
	Title  string
	Text   string // what will happen and to how many
	Action string // where the form goes
	Fields []HiddenField
	Button string
	Cancel string // where the way back leads
}

// HiddenField is a field that a form carries unseen.
type HiddenField struct{ Name, Value string }

// ErrorData fills [Error]. [ErrorFor] knows the words for a status.
type ErrorData struct {
	Status int
	Title  string
	Text   string
	Ref    string // number that stands in the log; may be empty
}

// WelcomeData fills [Welcome], the page of port 80 that an unauthorised browser is led to.
type WelcomeData struct {
	PortalURL    string // absolute; empty until there is a domain
	AgentEnabled bool
}

// ConnectedData fills [Connected], the page inside the tunnel. An empty Login: the address has no session.
type ConnectedData struct {
	Login     string
	Address   string
	Since     time.Time
	Userspace bool // nothing but this page is reached through the tunnel
}

// AdminAgentData fills [AdminAgent]. Errors are by field: local_networks, device_policy, the agent.AgentNumbers, vpn_network,
// forward_nets, dns, dns_suffix.
type AdminAgentData struct {
	Enabled        bool
	Domain         string // as it stands in the field
	DomainError    string
	DomainNotice   string // what was taken off a pasted address
	Saved          bool   // a domain is saved
	SavedDomain    string // in ASCII, as the installer gets it
	DomainUnicode  string // how people read it; empty when that is the same
	InstallerReady bool
	NoDriver       bool // the installer has no wintun.dll
	Unsigned       bool // Windows warns of the installer
	Deployment     Deployment
	Pin            string // of the own root, in base64; empty: not shown
	Form           SettingsForm
	Errors         map[string]string
	NetworksUnseen bool // nobody has looked over the networks that were found at the first start
	Sessions       int  // live ones
	VPNUnavailable bool // there is no tunnel on this gateway now
	VPNUserspace   bool // the tunnel serves the gateway's own page and forwards nothing
	Gateway        agent.GatewayState
	VPN            VPNForm
}

// Deployment is what brings the program to many computers.
type Deployment struct {
	Command       string   // installs, silently, in the installer's folder
	Startup       string   // the same from a share, when a computer starts
	Logon         string   // starts the program from a share, without installing it
	PortableReady bool     // there is the program for a share
	Unblock       string   // takes the mark off files that a browser has downloaded
	Paths         []string // of the installed programs
	Programs      []Program
}

// Program is a file that the installer puts on a computer. Windows is "10" (and 11), "8" (and 8.1), or "" for all.
type Program struct {
	Name    string
	Windows string
	SHA256  string // in hexadecimal
}

// VPNForm are the settings of the tunnel as they stand in their fields.
type VPNForm struct {
	Network     string
	Forward     string // ForwardAll or ForwardChosen
	ForwardNets string // one a line
	DNS         string // separated by spaces
	DNSSuffix   string // separated by spaces
	LocalTunnel bool
}

// What goes into the tunnel.
const (
	ForwardAll    = "all"
	ForwardChosen = "chosen"
)

// SettingsForm are the settings as they stand in their fields; a refused form keeps what was typed.
type SettingsForm struct {
	LocalNetworks string            // one a line
	DevicePolicy  string            // an agent.DevicePolicy
	Numbers       map[string]string // by name of an agent.Number
}

// AdminUsersData fills [AdminUsers].
type AdminUsersData struct {
	Query string
	Users []agent.User // of this page alone
	Total int          // matching
	Page  int          // from 1
	Size  int          // rows of a full page
}

// AdminUserData fills [AdminUser]. ID 0 is an account that is being made; such a form also sends psw.
type AdminUserData struct {
	ID        agent.UserID
	Local     bool   // the gateway keeps the account; others are known from a directory
	Directory string // of an account that is not local
	Self      bool   // the administrator's own account
	Title     string
	Created   time.Time
	Form      UserForm
	Errors    map[string]string // by field: login, name, phone, comment, psw, enabled, admin
	Sessions  int               // live ones of this person
	LastAdmin bool              // cannot be deleted, switched off or stripped of the role
	Throttled time.Time         // until when sign-ins are refused after wrong passwords; zero: they are not
}

// UserForm is an account as it stands in its fields.
type UserForm struct {
	Login        string
	Name         string
	Phone        string
	Comment      string
	Enabled      bool
	RemoteAccess bool
	Admin        bool
}

// MonitorSessionsData fills [MonitorSessions].
type MonitorSessionsData struct {
	Sessions     []agent.LiveSession
	Now          time.Time
	AgentEnabled bool
}

// MonitorVPNData fills [MonitorVPN].
type MonitorVPNData struct {
	Sessions    []agent.LiveSession // of kind vpn
	Allowed     int                 // people who may connect from outside
	Unavailable bool                // there is no tunnel on this gateway now
	Now         time.Time
}

// CabinetData fills [Cabinet].
type CabinetData struct {
	AgentEnabled   bool
	Domain         string // the saved one; empty until there is one
	InstallerReady bool
	Unsigned       bool                // Windows warns of the installer
	Sessions       []agent.LiveSession // of this person
	Browsers       []BrowserRow
	Errors         map[string]string // by field: current, psw, psw2
	Now            time.Time
}

// BrowserRow is a browser in which the person is signed in.
type BrowserRow struct {
	agent.BrowserSession
	Current bool // the one that asks
}
