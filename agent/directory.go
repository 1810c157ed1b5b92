package agent

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"
)

// DirectoryID identifies a directory on the network. IDs are not reused.
type DirectoryID int64

// DirectoryKind is the product that a directory on the network runs.
type DirectoryKind string

// Kinds of directories.
const (
	DirectoryAD       DirectoryKind = "ad"       // Active Directory, also Samba
	DirectoryFreeIPA  DirectoryKind = "freeipa"  // FreeIPA and ALD Pro
	DirectoryOpenLDAP DirectoryKind = "openldap" // OpenLDAP and 389 Directory Server
)

// DirectoryKinds lists every DirectoryKind.
var DirectoryKinds = []DirectoryKind{DirectoryAD, DirectoryFreeIPA, DirectoryOpenLDAP}

// DirectoryTransport is how the connection to a controller is encrypted. It always is.
type DirectoryTransport string

// Transports, with their default ports.
const (
	TransportLDAPS    DirectoryTransport = "ldaps"    // 636
	TransportStartTLS DirectoryTransport = "starttls" // 389
)

// PasswordChange is how a person's password in a directory is changed, always with the old password.
type PasswordChange string

// Ways to change a password.
const (
	PasswordChangeAuto PasswordChange = ""     // Active Directory: kpasswd, or LDAP where port 464 does not answer; others: LDAP
	PasswordChangeLDAP PasswordChange = "ldap" // Active Directory: unicodePwd; others: RFC 3062
	PasswordChangeOff  PasswordChange = "off"  // people are told to change it elsewhere
)

// DirectorySettings are the settings of one directory on the network.
type DirectorySettings struct {
	ID             DirectoryID
	Kind           DirectoryKind
	Name           string       // DNS name of the domain as ParseDomain returns names; unique; never changes
	Default        bool         // a login without a domain belongs to it, unless a local account has the login
	DNS            []netip.Addr // the domain's DNS servers; empty = those of the gateway
	Controllers    []string     // host or host:port; empty = by SRV records
	Transport      DirectoryTransport
	TLSName        string   // name in the certificates; empty = the controller's name
	CA             string   // PEM certificates that are trusted: the domain's CA, or a controller's own; empty = those of the system
	User           string   // of the search account, for its bind: UPN, NETBIOS\login or DN
	Password       string   // of the search account; stored encrypted, on no page and in no answer
	Bases          []string // DNs below which people are searched; empty = the whole domain
	LoginGroups    []DirectoryGroup
	RemoteGroups   []DirectoryGroup // their members get remote access
	TreeGroups     []DirectoryGroup // groups of this directory in the tree of groups; not stored with the directory
	PasswordChange PasswordChange   // how people change their passwords through the gateway
	Keytab         []byte           // for sign-in by Kerberos; stored encrypted, on no page and in no answer; nil = none
	KeytabKeys     []KeytabKey      // what Keytab has; not stored
	KeytabLost     bool             // the stored keytab cannot be decrypted; it must be uploaded again
	LockoutLimit   int              // wrong passwords that lock an account in the domain; 0 = as the domain says
	LockoutWindow  time.Duration    // with LockoutLimit: the domain's observation window
	CheckInterval  time.Duration    // between two checks of the accounts; whole minutes
	ComputerName   string           // the vendor's field; stored and given back, not used
	NetBIOS        string           // short name of the domain, as found at the last connection
	UPNSuffixes    []string         // alternative suffixes, as found at the last connection
	PasswordLost   bool             // the stored password cannot be decrypted; it must be typed again
}

// Limits of a directory's settings, and defaults.
const (
	MaxDirectories       = 16
	MaxBases             = 10
	MaxControllers       = 16
	MaxDirectoryGroups   = 64 // in each list
	MaxDN                = 1024
	MaxCA                = 64 << 10 // bytes
	MaxKeytab            = 64 << 10 // bytes
	DefaultCheckInterval = 5 * time.Minute
	UnknownLockoutLimit  = 3
	UnknownLockoutWindow = 30 * time.Minute
	DefaultLDAPSPort     = 636
	DefaultLDAPPort      = 389
	MaxLocalLogins       = 500 // local logins in the report of a test
)

// KeytabKey describes a key of a keytab.
type KeytabKey struct {
	Principal string `json:"principal"` // HTTP/portal.example.test@EXAMPLE.TEST
	KVNO      int    `json:"kvno"`
	Type      string `json:"type"`   // "AES256-SHA1", "RC4", or a number of RFC 3961
	Usable    bool   `json:"usable"` // only AES is
}

// HasService reports whether a usable key is for a service, such as HTTP/portal.example.test without a realm, in any case.
func HasService(keys []KeytabKey, service string) bool {
	for _, k := range keys {
		if i := strings.LastIndexByte(k.Principal, '@'); k.Usable && i >= 0 && strings.EqualFold(k.Principal[:i], service) {
			return true
		}
	}
	return false
}

// DirectoryGroup is a group of a directory.
type DirectoryGroup struct {
	ID   string `json:"id"`   // SID in Active Directory; ipaUniqueID, entryUUID or nsUniqueId elsewhere. It survives renaming and moving
	Name string `json:"name"` // as people know it, as of the last look-up
	DN   string `json:"dn"`   // as of the last look-up
}

// DirectoryPerson is a person in a directory, as of one look-up.
type DirectoryPerson struct {
	Directory       string // name of the directory
	GUID            string // objectGUID, ipaUniqueID, entryUUID or nsUniqueId, as lower-case text; survives renaming and moving
	Login           string // sAMAccountName or uid
	UPN             string // userPrincipalName; may be empty
	Name            string
	Phone           string
	Refused         Code      // why the directory or the login groups refuse the account now; empty = they do not
	Remote          bool      // member of RemoteGroups
	Groups          []string  // IDs of those of DirectorySettings.TreeGroups of which the person is a member, sorted
	PasswordExpires time.Time // zero = never or not known
	ExpiryRead      bool      // PasswordExpires was looked up, which a login does and a check does not
}

// Updated returns the account with what the directory says about the person. A phone that only the gateway knows stays,
// and Refused is set only by refusals that end access. What follows from groups is set by GroupTree.Inherit.
func (u User) Updated(p DirectoryPerson) User {
	u.Login, u.Name, u.Refused = p.Login, p.Name, ""
	if p.Refused.EndsAccess() {
		u.Refused = p.Refused
	}
	if p.Phone != "" {
		u.Phone = p.Phone
	}
	if p.ExpiryRead {
		u.PasswordExpires = p.PasswordExpires
	}
	u.RemoteInDirectory, u.DirectoryGroups = p.Remote, append([]string(nil), p.Groups...)
	if u.RemoteByGroups {
		u.RemoteAccess = p.Remote
	}
	return u
}

// ErrAdministratorIsLocal says that an administrator's account cannot become one of a directory.
var ErrAdministratorIsLocal = errors.New("an administrator's account stays local")

// Account is what a login means, before any password is checked.
type Account struct {
	// Key identifies the account in all spellings and forms of its login: "local/12", "example.test/GUID". That of an
	// unknown login is made from the login.
	Key string
	// Known reports whether the account exists.
	Known bool
	// UserID is zero for an unknown login, and for a person of a directory who has never logged in here.
	UserID UserID
	// Lockout is the limit of the account's directory, also for an unknown login.
	Lockout Lockout
	// Authenticate checks a password of this account, in one comparison. A refusal is an *Error, and CodeBadCredentials
	// means that a password was compared. For an unknown login it does the same work as far as that is possible.
	// Any other failure may have reached the directory and counts towards Lockout, unless it wraps ErrPasswordNotSent.
	Authenticate func(context.Context, Credentials) (User, error)
	// ChangePassword checks the password as Authenticate does, replaces it, also an expired one, and returns the account. Refusals are
	// those of Authenticate, CodePasswordRejected and CodePasswordElsewhere. After a refusal the password is unchanged, with two
	// exceptions: after CodeDirectoryUnreachable without ErrPasswordNotSent this is not known, and in Active Directory a controller may
	// refuse the new password although another one has changed it. Nil = passwords of this directory are not changed here.
	ChangePassword func(ctx context.Context, c Credentials, newPassword string) (User, error)
}

// ErrPasswordNotSent says that an attempt failed before the password was sent to the directory.
var ErrPasswordNotSent = errors.New("the password was not sent")

// Lockout is when a directory locks an account: after Limit wrong passwords, each within Window of the one before. The zero
// Lockout means never.
type Lockout struct {
	Limit  int
	Window time.Duration
}

// DirectoryReading is the present state of people in a directory.
type DirectoryReading struct {
	People  map[string]DirectoryPerson // by GUID; only people who exist
	Missing []string                   // DNs of configured bases, and names of configured groups, that do not exist
}

// EndsAccess reports whether a refusal by a directory ends live sessions and refuses resume tokens. A locked account and an
// expired password do not: they only refuse new logins.
func (c Code) EndsAccess() bool {
	return c == CodeAccountDisabled || c == CodeAccountExpired || c == CodeNotPermitted
}
