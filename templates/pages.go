// Package templates holds the pages of the portal: one typed struct and one templ function for each. A page gets
// everything it shows through its struct, asks nobody for more and escapes whatever came from outside. All texts come
// from [ideco-agent/templates/locale]; texts in a struct (errors, toasts) are already in the person's language.
//
// The pages hold no inline script and no inline style, so that they work under a Content-Security-Policy of
// "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action
// 'self'". Everything but conveniences works without script. Every form carries the hidden field [CSRFField].
package templates

import (
	"net/netip"
	"strings"
	"time"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// CSRFField is the name of the hidden field with the token against cross-site requests.
const CSRFField = "_csrf"

// WebTokenField is the name of the hidden field with the one-time token of browser sign-in.
const WebTokenField = "token"

// Page is the data that every page needs.
type Page struct {
	L     *locale.Localizer
	Path  string      // of the current URL; selects the navigation item
	Query string      // of the current URL, encoded; the language and theme switches keep it
	User  *agent.User // nil: not signed in
	CSRF  string      // value of CSRFField
	Theme string      // "light", "dark", or "" for the system's
	Toast string      // success message, shown for five seconds
	Alert string      // failure message, shown above the content

	// For administrators alone.
	StoreTrouble agent.StoreTrouble     // why nothing can be stored
	Ending       []agent.CertificateEnd // certificates that end soon and that nothing will renew; names are decoded
}

// from returns the page to which the language and theme switches return.
func (p Page) from() string {
	if p.Query == "" {
		return p.Path
	}
	return p.Path + "?" + p.Query
}

// LoginData fills [Login].
type LoginData struct {
	Login  string            // as typed
	Error  string            // why the sign-in was refused
	Change bool              // a new password must be set
	Rules  string            // what the new password must be; may be empty
	Errors map[string]string // with Change, by field: password, psw, psw2
	SSO    bool              // the visitor may sign in without a password
	// SetupLink is the file with the link for making the first administrator; empty if there is one, or if the visitor is where none
	// can be made.
	SetupLink string
}

// LoginSSOData fills [LoginSSO].
type LoginSSOData struct {
	NoTicket bool   // the browser sent no ticket
	Error    string // why the ticket was refused
	Help     string // its paragraph on the guide's page troubleshooting
}

// SetupData fills [Setup], the form that creates the first administrator.
type SetupData struct {
	Token  string // of the link; part of the form's action
	Login  string
	Name   string
	Errors map[string]string // by field: login, name, psw, psw2
}

// ConfirmData fills [Confirm], which asks before a destructive action. confirm.go has the texts.
type ConfirmData struct {
	Title  string
	Text   string // what will happen
	Action string // of the form
	Fields []HiddenField
	Button string
	Cancel string // URL of the way back
}

// HiddenField is a hidden input of a form.
type HiddenField struct{ Name, Value string }

// ErrorData fills [Error]. [ErrorFor] has the texts for a status.
type ErrorData struct {
	Status int
	Title  string
	Text   string
	Ref    string // reference in the log; may be empty
}

// WelcomeData fills [Welcome], the page of port 80 for a browser without access.
type WelcomeData struct {
	PortalURL    string // absolute; empty if not known
	AgentEnabled bool

	// In a network whose hosts sign in by a browser, one of these is set.
	SignInQuery  string // of the sign-in page, to which the page leads by itself; encoded
	SignInByHand bool   // the window that shows the page may be unable to open the sign-in page
	Online       bool   // the host has access
}

// WebAuthData fills [WebAuth], the page on which a browser signs in for access.
type WebAuthData struct {
	Token  string // one-time
	Origin string // URL of the page that the person wanted, http or https; may be empty. Another site can choose it

	Login   string // as typed
	Error   string // why the sign-in was refused
	Change  bool   // a new password must be set first
	Program bool   // the agent can be downloaded
}

// WebOnlineData fills [WebOnline], the page of an address that has access.
type WebOnlineData struct {
	WebAuthData
	Session agent.LiveSession
	Now     time.Time
}

// ConnectedData fills [Connected], the page inside the tunnel. Login is empty if the address has no session.
type ConnectedData struct {
	Login     string
	Address   string
	Since     time.Time
	Userspace bool // the tunnel reaches only this page
}

// AdminAgentData fills [AdminAgent]. Errors are by field: local_networks, device_policy, the agent.AgentNumbers, vpn_network,
// forward_nets, dns, dns_suffix.
type AdminAgentData struct {
	Tab            AgentTab
	Enabled        bool
	Domain         string // as typed
	DomainError    string
	DomainNotice   string // what was removed from a pasted address
	Saved          bool   // a domain is saved
	SavedDomain    string // in ASCII, as in the installer
	DomainUnicode  string // decoded; empty if it is the same
	FormerDomains  []FormerDomain
	InstallerReady bool
	InstallerSize  uint64 // in bytes
	NoDriver       bool   // the installer has no wintun.dll
	Unsigned       bool   // Windows warns of the installer
	Deployment     Deployment
	Pin            string // of the own root, in base64; hidden if empty
	Certificate    CertificateSummary
	Form           SettingsForm
	Errors         map[string]string
	Sessions       int // the number of live sessions
	State          State
	VPN            VPNForm
	Browser        BrowserSignIn
}

// CertificateSummary is what the saved domain is served with, in short.
type CertificateSummary struct {
	State CertificateState
	Until time.Time // with CertificateTrusted
}

// CertificateState selects a text beside the domain.
type CertificateState string

// States. With "" the domain has the own root's certificate and no CA could check it.
const (
	CertificateTrusted CertificateState = "trusted" // it was ordered or uploaded
	CertificateOffered CertificateState = "offered" // it could be ordered, but ordering is off
	CertificateOrdered CertificateState = "ordered" // the order is running
	CertificateFailed  CertificateState = "failed"  // it could not be ordered
)

// FormerDomain is a former domain or address that the gateway still serves.
type FormerDomain struct {
	Name   string // in ASCII
	Shown  string // decoded
	Agents int    // that connected by it in the last 30 days, and by no other since
}

// DomainChange is the change of the gateway's domain or address that a person has to confirm.
type DomainChange struct {
	Typed    string // in the form
	From, To string // decoded
	Agents   int    // as in FormerDomain, of From
	NewRoot  bool   // those who have installed the root need the new one for To
}

// Deployment has the command lines for installing the program on many computers.
type Deployment struct {
	Command       string   // installs silently, run in the installer's folder
	Startup       string   // the same from a network share, as a startup script
	Logon         string   // starts the program from a share without installing it, as a logon script
	PortableReady bool     // this build has the program for a share
	Unblock       string   // removes the mark of the web from downloaded files
	Paths         []string // of the installed programs
	Programs      []Program
}

// Program is a file in the installer. Windows is "10" (and 11), "8" (and 8.1), or "" for all.
type Program struct {
	Name    string
	Windows string
	SHA256  string // in hexadecimal
}

// VPNForm is the form of the tunnel's settings.
type VPNForm struct {
	Network     string
	Forward     string // ForwardAll or ForwardChosen
	ForwardNets string // one a line
	DNS         string // separated by spaces
	DNSSuffix   string // separated by spaces
	LocalTunnel bool
}

// Values of VPNForm.Forward.
const (
	ForwardAll    = "all"
	ForwardChosen = "chosen"
)

// SettingsForm is the form of the other settings.
type SettingsForm struct {
	LocalNetworks string            // one a line
	DevicePolicy  string            // an agent.DevicePolicy
	Numbers       map[string]string // by name of an agent.Number
}

// AdminGatewayData fills [AdminGateway]. Errors are by field: lan_interfaces, wan_interfaces, open_before_login,
// firewall_timeout_seconds.
type AdminGatewayData struct {
	State             agent.GatewayState
	Conditions        []agent.Condition
	InterfacesUnknown bool // they could not be read
	Form              GatewayForm
	Errors            map[string]string

	Chosen       bool   // the settings of Preview have LAN and WAN interfaces
	Forwards     bool   // the gateway switches forwarding on at each start
	Preview      string // the rules as text; empty if there are none
	PreviewTyped bool   // Preview is for the submitted form, not for the saved settings

	Trial     string        // id of the running trial; empty without one
	TrialLeft time.Duration // until the gateway reverts the change
	Returned  time.Time     // when a trial was last reverted automatically; zero: not shown
}

// GatewayForm is the form of the page «Шлюз» (Gateway).
type GatewayForm struct {
	Interfaces      []InterfaceChoice
	Masquerade      bool
	OpenBeforeLogin string // separated by spaces
	OpenProposed    bool   // it holds the gateway's own DNS servers, which are not saved yet
	DNSInLAN        bool
	Wide            []agent.OpenServer // its entries without a port
	VPNPeersMayTalk bool
	FirewallTimeout string // in seconds
}

// InterfaceChoice is an interface and its role.
type InterfaceChoice struct {
	agent.Interface
	Role     string
	Gone     bool // chosen, but missing now
	Proposed bool // Role was not chosen by anybody
}

// Roles of an interface.
const (
	RoleLAN  = "lan"
	RoleWAN  = "wan"
	RoleNone = "none"
)

// AdminUsersData fills [AdminUsers].
type AdminUsersData struct {
	Filter      UserFilterForm
	WhenError   string       // what is wrong with Filter.When
	Users       []agent.User // on this page
	Alike       []agent.User // accounts of any page whose login another one has in other characters
	View        TableView
	Directories []string // names, without the local one
	Groups      []GroupChoice
	Paths       map[agent.UserID]string // path of an account's group
	Checked     map[agent.UserID]bool   // accounts that are checked
	Act         string                  // chosen, a value of the field act
	Now         time.Time
}

// GroupChoice is a group that can be chosen.
type GroupChoice struct {
	ID    agent.GroupID
	Path  string // names from the top level down: «Офис/Продажи»
	Local bool
}

// UserFilterForm is the filter of the list of accounts. Its fields are those of the query string; empty = any.
type UserFilterForm struct {
	Query     string // q
	Directory string // directory: agent.LocalDirectory or a name
	Group     string // group: an ID or NoGroup
	Remote    string // remote: "1" or "0"
	Role      string // role: "admin"
	State     string // state: an agent.UserState
	Login     string // login: LoginNever, LoginBefore or LoginSince
	When      string // when: a number of days or a date, with LoginBefore and LoginSince
}

// Values of UserFilterForm.
const (
	NoGroup     = "none"
	LoginNever  = "never"
	LoginBefore = "before"
	LoginSince  = "since"
)

// BulkActs are the values of the field act, besides ActGroup with the ID of a group.
var BulkActs = []string{ActVPNAllow, ActVPNDeny, ActVPNGroup, ActEnable, ActDisable, ActEnd}

// Bulk acts.
const (
	ActVPNAllow = "vpn_allow"
	ActVPNDeny  = "vpn_deny"
	ActVPNGroup = "vpn_group" // remote access follows the groups
	ActEnable   = "enable"
	ActDisable  = "disable"
	ActEnd      = "end" // end the sessions
	ActGroup    = "group:"
)

// BulkQuestion is a bulk act that the administrator has to confirm.
type BulkQuestion struct {
	Filter    UserFilterForm
	List      TableView // the page of the list with the accounts
	Act       string
	Group     string         // path of the group with ActGroup; empty = no group
	All       bool           // everything that Filter selects, and not Chosen
	Chosen    []agent.UserID // checked accounts
	Concerned int            // accounts that change
	Same      int            // accounts that do not
	Sessions  int            // live sessions that end
	ByRule    bool           // with ActEnd: some account has a session by a rule, which does not end
	Admins    int            // accounts that become administrators by their group
	Own       bool           // the administrator's own account is left out
	LastAdmin string         // login of the last administrator, which is left out; empty = none
}

// AdminImportData fills [AdminImport].
type AdminImportData struct {
	Error     string // why the file is not a table
	Columns   []ImportColumn
	Preview   *ImportPreview // nil without a file
	MaxRows   int
	Passwords int // limit of the rows with a password
}

// ImportColumn is a column of a file and what it means.
type ImportColumn struct{ Name, Help string }

// ImportPreview is what a file would change.
type ImportPreview struct {
	Token     string // for the confirmation; empty with mistakes
	File      string // its name
	Mistakes  []ImportMistake
	Total     int      // mistakes, also those not in Mistakes
	Unknown   []string // names of columns that are not read
	New       []ImportChange
	Changed   []ImportChange
	NewCount  int
	Changes   int // accounts that change
	Unchanged int
	Passwords int // that are set
	Locked    int // new accounts without a password
	Sessions  int // live sessions that end
	Admins    int // accounts that become administrators by their group
}

// ImportMistake is a mistake in a file.
type ImportMistake struct {
	Line   int
	Column string // empty = the whole row
	Text   string // what is wrong and what to do
}

// ImportChange is a row of a preview.
type ImportChange struct {
	Line   int
	Login  string
	Fields []ImportField
}

// ImportField is a field that changes. A new account has no Before.
type ImportField struct{ Name, Before, After string }

// AdminUserData fills [AdminUser]. ID 0 is a new account, whose form also sends psw.
type AdminUserData struct {
	ID        agent.UserID
	Local     bool   // a local account; others come from a directory
	Directory string // of an account that is not local
	Self      bool   // the administrator's own account
	Title     string
	Created   time.Time
	Refused   agent.Code // why the directory refuses the account; empty = it does not
	Form      UserForm
	Errors    map[string]string // by field, with its name in REST
	Sessions  int               // the number of live sessions
	List      TableView         // the page of the list from which the account was opened
	LastAdmin bool              // cannot be deleted, disabled or demoted
	Throttled time.Time         // sign-ins are refused until then; zero: not throttled

	MustChange      bool                // the password must be changed at the next login
	Group           agent.GroupID       // the saved one
	Inherited       Inherited           // what applies where the form sets nothing
	Applied         agent.AppliedRights // what applies to the saved account
	DirectoryGroups []agent.Group       // groups of its directory that it is in

	Rules      []UserRule
	RuleForm   RuleForm
	RuleErrors map[string]string // by field, with its name in REST
}

// UserRule is a rule of an account, and what it does now.
type UserRule struct {
	agent.AuthRule
	State  string       // one of the RuleStates
	Access []netip.Addr // with RuleOpen
	Holder string       // login, with RuleBusy
}

// States of a rule.
const (
	RuleOff     = "off"
	RuleRefused = "refused" // the account may not log in
	RuleOpen    = "open"    // it gives access now
	RuleAgent   = "agent"   // the person's own agent or browser is logged in at the address
	RuleBusy    = "busy"    // another person is logged in at the address
	RuleWaiting = "waiting" // the host is silent
)

// RuleStates lists every state of a rule.
var RuleStates = []string{RuleOff, RuleRefused, RuleOpen, RuleAgent, RuleBusy, RuleWaiting}

// RuleForm is the form for a new rule.
type RuleForm struct {
	Address string
	MAC     string
	Always  bool
	Comment string
}

// UserForm is the form of an account.
type UserForm struct {
	Login        string
	Name         string
	Phone        string
	Comment      string
	Enabled      bool
	RemoteAccess bool
	ByGroups     bool // RemoteAccess follows the groups
	MustChange   bool // only of a new account
	Admin        bool
	Group        string // ID of the local group; empty = none
	RightsForm
}

// RightsForm is the part of a form for agent.Rights.
type RightsForm struct {
	Numbers     map[string]string // by name of one of agent.RightsNumbers; empty = inherited
	Forward     string            // ForwardInherited, ForwardAll or ForwardChosen
	ForwardNets string            // one a line
}

// ForwardInherited is the value of RightsForm.Forward for rights that do not set networks.
const ForwardInherited = "groups"

// AdminGroupsData fills [AdminGroups].
type AdminGroupsData struct {
	Tree        agent.GroupTree
	Accounts    map[agent.GroupID]int // in each group and the groups below it
	Directories bool                  // there is a directory whose groups can be added
	Query       string                // a part of the names; empty = all groups, as a tree
}

// AdminGroupData fills [AdminGroup]. ID 0 is a new group.
type AdminGroupData struct {
	ID        agent.GroupID
	Name      string // as saved
	Form      GroupForm
	Errors    map[string]string // by field, with its name in REST
	Tree      agent.GroupTree
	Inherited Inherited     // what its accounts would inherit without its own rights
	Users     []agent.User  // the first accounts of the group and of those below it
	Total     int           // the number of those accounts
	Check     time.Duration // how often the members of a directory's group are looked up; 0 = not known
}

// GroupForm is the form of a group.
type GroupForm struct {
	Name    string
	Parent  string // ID; empty = top level
	Comment string
	Remote  string // RemoteByGroups, "1" or "0"
	Admin   bool
	RightsForm

	Directory  string // name of the directory; empty = a local group
	Member     string // ID of its group
	MemberName string
}

// AdminGroupDirectoryData fills [AdminGroupDirectory], the search for a group of a directory.
type AdminGroupDirectoryData struct {
	Directories []string
	Directory   string // the chosen one
	Text        string
	Searched    bool
	Groups      []agent.DirectoryGroup
	Taken       map[string]agent.GroupID // groups that are in the tree already, by ID in the directory
	Error       string
}

// GroupImpact is what a change of a group does to its accounts.
type GroupImpact struct {
	Accounts   int // in the group and below it
	LoseRemote int // lose remote access
	Sessions   int // live sessions that end at once
	LoseAdmin  int
	GainAdmin  int
	Other      int // whose devices, session lengths or networks change
}

// AdminDirectoriesData fills [AdminDirectories].
type AdminDirectoriesData struct {
	Directories []DirectoryRow
	Now         time.Time
}

// DirectoryRow is a directory in the list.
type DirectoryRow struct {
	agent.DirectorySettings
	Status   agent.DirectoryStatus
	Sessions int // live sessions of its people
}

// AdminDirectoryData fills [AdminDirectory]. ID 0 is a directory that is not saved yet. Errors are by field, with its name in
// REST.
type AdminDirectoryData struct {
	ID             agent.DirectoryID
	Name           string // as saved
	Status         agent.DirectoryStatus
	Form           DirectoryForm
	Errors         map[string]string
	PasswordStored bool                         // an empty password field keeps the stored one
	PasswordLost   bool                         // the stored one cannot be decrypted
	Trusted        []agent.DirectoryCertificate // those of Form.CA
	Report         *agent.DirectoryReport       // of the test of the submitted form; nil without one
	Groups         []agent.DirectoryGroup       // found by Form.GroupText
	GroupsSearched bool
	GroupsError    string

	Keys       []agent.KeytabKey // of the keytab; empty without one
	KeytabLost bool              // the stored keytab cannot be decrypted
	Services   []WantedService
}

// WantedService is a service principal that the keytab needs.
type WantedService struct {
	Name   string
	InFile bool // the keytab has a usable key of it
}

// DirectoryForm is the form of a directory. Its password is never filled in.
type DirectoryForm struct {
	Kind, Name, User string
	Draft            string // token of a password that was typed for a test; empty without one
	DNS              string // separated by spaces
	Controllers      string // one a line
	Transport        string
	TLSName          string
	Bases            string // one a line
	CA               string // PEM
	LoginGroups      string // one a line
	RemoteGroups     string // one a line
	LockoutLimit     string
	LockoutMinutes   string
	CheckMinutes     string
	PasswordChange   string
	Default          bool

	Login     string // to look up in a test
	GroupText string // to search groups by
}

// RemoteByGroups is the value of the form field remote_access for «as in the groups». "1" allows it, anything else denies it.
const RemoteByGroups = "groups"

// CabinetData fills [Cabinet].
type CabinetData struct {
	AgentEnabled   bool
	Domain         string // empty if none is saved
	System         string // of the visitor, as System names it; empty if not known
	InstallerReady bool
	InstallerSize  uint64              // in bytes
	Unsigned       bool                // Windows warns of the installer
	Sessions       []agent.LiveSession // of this account
	Browsers       []BrowserRow
	Errors         map[string]string // by field: current, psw, psw2
	Now            time.Time

	SignIn bool // the device of this browser has no access, and its network has browser sign-in

	PasswordHere    bool   // the password of an account of a directory can be changed here
	PasswordWarning string // that it expires soon; empty if not
	PasswordChanged string // what to know after a change; empty without one
}

// passwordForm reports whether the account can change its password here.
func (d CabinetData) passwordForm(u *agent.User) bool {
	return u != nil && (u.Local() || d.PasswordHere)
}

// BrowserRow is a browser in which the account is signed in.
type BrowserRow struct {
	agent.BrowserSession
	Current bool // the browser of this request
}

// shellWord returns a text as one word of a POSIX shell.
func shellWord(text string) string {
	if strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-") == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
