package agent

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// Act is a line of the journal of acts: who changed what.
type Act struct {
	ID      int64
	At      time.Time
	By      UserID // 0 if it was no account
	Login   string // of By at that time, with the directory; empty if it was no account
	Source  ActSource
	Peer    Peer // the zero value if nobody was connected
	Code    ActCode
	Object  string // number or other identifier of what the act changed; empty if there is none
	Name    string // of the object at that time
	Count   int    // of the objects, if they are several
	Names   []string
	Changes []ActChange
}

// ActSource is how an act was done.
type ActSource string

// Sources of acts.
const (
	ActByPage    ActSource = "page"
	ActByREST    ActSource = "rest"
	ActByAgent   ActSource = "agent"   // the agent program
	ActByCommand ActSource = "command" // ideco-portal on the command line
	ActByGateway ActSource = "gateway" // the gateway itself
)

// ActSources are all sources.
var ActSources = []ActSource{ActByPage, ActByREST, ActByAgent, ActByCommand, ActByGateway}

// ActChange is a field that an act changed. The values are those of REST.
type ActChange struct {
	Field  string          `json:"field"`
	Before json.RawMessage `json:"before,omitempty"` // empty if there was none
	After  json.RawMessage `json:"after,omitempty"`  // empty if there is none
	Hidden bool            `json:"hidden,omitempty"` // the values are not recorded: they are secret or long
}

// Equal reports whether two changes are the same.
func (c ActChange) Equal(other ActChange) bool {
	return c.Field == other.Field && c.Hidden == other.Hidden && bytes.Equal(c.Before, other.Before) && bytes.Equal(c.After, other.After)
}

// ActKind is what an act concerns.
type ActKind string

// Kinds of acts.
const (
	ActsOnAccounts     ActKind = "account"
	ActsOnGroups       ActKind = "group"
	ActsOnRules        ActKind = "rule"
	ActsOnDirectories  ActKind = "directory"
	ActsOnSettings     ActKind = "settings"
	ActsOnGateway      ActKind = "gateway"
	ActsOnCertificates ActKind = "certificate"
	ActsOnSessions     ActKind = "session"
	ActsOnBackups      ActKind = "backup"
	ActsOfExport       ActKind = "export"
	ActsOfSigningIn    ActKind = "sign_in"
)

// ActKinds are all kinds.
var ActKinds = []ActKind{ActsOnAccounts, ActsOnGroups, ActsOnRules, ActsOnDirectories, ActsOnSettings, ActsOnGateway, ActsOnCertificates,
	ActsOnSessions, ActsOnBackups, ActsOfExport, ActsOfSigningIn}

// ActCode is what was done. The log of the service has the same word as its event, except for ActGatewayExpired, ActSessionsEnded and the
// acts of the command line, which only the journal has.
type ActCode string

// Codes of acts.
const (
	ActSignedIn           ActCode = "portal_signed_in"
	ActFirstAdministrator ActCode = "first_administrator"

	ActAccountCreated       ActCode = "account_created"
	ActAccountChanged       ActCode = "account_changed"
	ActAccountDeleted       ActCode = "account_deleted"
	ActAccountsChanged      ActCode = "accounts_changed"
	ActAccountsImported     ActCode = "accounts_imported"
	ActAccountsExported     ActCode = "accounts_exported"
	ActPasswordChanged      ActCode = "password_changed"
	ActThrottleLifted       ActCode = "throttle_lifted"
	ActVPNDenied            ActCode = "vpn_denied"
	ActAdministratorByGroup ActCode = "administrator_by_group"
	ActAdministratorReset   ActCode = "administrator_reset"

	ActGroupCreated ActCode = "group_created"
	ActGroupChanged ActCode = "group_changed"
	ActGroupDeleted ActCode = "group_deleted"

	ActRuleAdded   ActCode = "auth_rule_added"
	ActRuleChanged ActCode = "auth_rule_changed"
	ActRuleDeleted ActCode = "auth_rule_deleted"

	ActDirectorySaved     ActCode = "directory_saved"
	ActDirectoryDeleted   ActCode = "directory_deleted"
	ActDirectoryTested    ActCode = "directory_tested"
	ActDirectoryConfirmed ActCode = "directory_check_confirmed"
	ActAccountsConverted  ActCode = "accounts_converted"
	ActKeytabSaved        ActCode = "keytab_saved"
	ActKeytabRemoved      ActCode = "keytab_removed"

	ActAgentSwitched        ActCode = "agent_switched"
	ActSettingsSaved        ActCode = "settings_saved"
	ActBrowserNetworksSaved ActCode = "browser_networks_saved"
	ActVPNSettingsSaved     ActCode = "vpn_settings_saved"
	ActDomainSaved          ActCode = "domain_saved"
	ActFormerDomainRemoved  ActCode = "former_domain_removed"

	ActGatewaySaved    ActCode = "gateway_saved"
	ActGatewayKept     ActCode = "gateway_kept"
	ActGatewayReturned ActCode = "gateway_returned"
	ActGatewayExpired  ActCode = "gateway_expired"
	ActForwardingOn    ActCode = "forwarding_on"
	ActFirewallCleared ActCode = "firewall_cleared"

	ActACMESaved           ActCode = "acme_saved"
	ActCertificateOrdered  ActCode = "certificate_ordered"
	ActCertificateUploaded ActCode = "certificate_uploaded"
	ActCertificateRemoved  ActCode = "certificate_removed"
	ActRootAnnounced       ActCode = "root_announced"
	ActRootCancelled       ActCode = "root_cancelled"

	ActBackupMade          ActCode = "backup_made"
	ActBackupDownloaded    ActCode = "backup_downloaded"
	ActBackupDeleted       ActCode = "backup_deleted"
	ActBackupSettingsSaved ActCode = "backup_settings_saved"
	ActBackupRestored      ActCode = "backup_restored"

	ActSessionEnded     ActCode = "session_ended"
	ActSessionsEnded    ActCode = "sessions_ended"
	ActJournalExported  ActCode = "journal_exported"
	ActSessionsExported ActCode = "sessions_exported"
	ActActsExported     ActCode = "acts_exported"
	ActSupportFile      ActCode = "support_file_downloaded"
)

// Creates reports whether the act always makes its object.
func (c ActCode) Creates() bool {
	switch c {
	case ActFirstAdministrator, ActAccountCreated, ActGroupCreated, ActRuleAdded, ActCertificateUploaded:
		return true
	}
	return false
}

// Deletes reports whether the act always deletes its object.
func (c ActCode) Deletes() bool {
	switch c {
	case ActAccountDeleted, ActGroupDeleted, ActRuleDeleted, ActDirectoryDeleted, ActCertificateRemoved:
		return true
	}
	return false
}

// ActCodes are all codes, with the kind of each.
var ActCodes = map[ActCode]ActKind{
	ActSignedIn:           ActsOfSigningIn,
	ActFirstAdministrator: ActsOnAccounts,

	ActAccountCreated:       ActsOnAccounts,
	ActAccountChanged:       ActsOnAccounts,
	ActAccountDeleted:       ActsOnAccounts,
	ActAccountsChanged:      ActsOnAccounts,
	ActAccountsImported:     ActsOnAccounts,
	ActAccountsExported:     ActsOfExport,
	ActPasswordChanged:      ActsOnAccounts,
	ActThrottleLifted:       ActsOnAccounts,
	ActVPNDenied:            ActsOnAccounts,
	ActAdministratorByGroup: ActsOnAccounts,
	ActAdministratorReset:   ActsOnAccounts,

	ActGroupCreated: ActsOnGroups,
	ActGroupChanged: ActsOnGroups,
	ActGroupDeleted: ActsOnGroups,

	ActRuleAdded:   ActsOnRules,
	ActRuleChanged: ActsOnRules,
	ActRuleDeleted: ActsOnRules,

	ActDirectorySaved:     ActsOnDirectories,
	ActDirectoryDeleted:   ActsOnDirectories,
	ActDirectoryTested:    ActsOnDirectories,
	ActDirectoryConfirmed: ActsOnDirectories,
	ActAccountsConverted:  ActsOnAccounts,
	ActKeytabSaved:        ActsOnDirectories,
	ActKeytabRemoved:      ActsOnDirectories,

	ActAgentSwitched:        ActsOnSettings,
	ActSettingsSaved:        ActsOnSettings,
	ActBrowserNetworksSaved: ActsOnSettings,
	ActVPNSettingsSaved:     ActsOnSettings,
	ActDomainSaved:          ActsOnSettings,
	ActFormerDomainRemoved:  ActsOnSettings,

	ActGatewaySaved:    ActsOnGateway,
	ActGatewayKept:     ActsOnGateway,
	ActGatewayReturned: ActsOnGateway,
	ActGatewayExpired:  ActsOnGateway,
	ActForwardingOn:    ActsOnGateway,
	ActFirewallCleared: ActsOnGateway,

	ActACMESaved:           ActsOnCertificates,
	ActCertificateOrdered:  ActsOnCertificates,
	ActCertificateUploaded: ActsOnCertificates,
	ActCertificateRemoved:  ActsOnCertificates,
	ActRootAnnounced:       ActsOnCertificates,
	ActRootCancelled:       ActsOnCertificates,

	ActBackupMade:          ActsOnBackups,
	ActBackupDownloaded:    ActsOnBackups,
	ActBackupDeleted:       ActsOnBackups,
	ActBackupSettingsSaved: ActsOnBackups,
	ActBackupRestored:      ActsOnBackups,

	ActSessionEnded:     ActsOnSessions,
	ActSessionsEnded:    ActsOnSessions,
	ActJournalExported:  ActsOfExport,
	ActSessionsExported: ActsOfExport,
	ActActsExported:     ActsOfExport,
	ActSupportFile:      ActsOfExport,
}

// ActFields are all names that ActChange.Field can have, for their texts. Where two kinds of acts have a field of the same name with different
// meanings, one of them is here with its kind: "certificate.directory".
var ActFields = []string{
	"enabled", "auth_domain", "former_domains", "local_tunnel", "local_networks", "vpn_network", "forward_nets", "dns", "dns_suffix", "device_policy",
	"browser_sign_in_networks", "session_hours_lan", "session_hours_vpn", "grace_seconds", "devices_per_user", "journal_days", "journal_mb",
	"backup_daily", "backup_recipient", "backup_hour", "backup_keep",
	"lan_interfaces", "wan_interfaces", "masquerade", "open_before_login", "vpn_peers_may_talk", "dns_in_lan", "firewall_timeout_seconds",
	"name", "login", "parent_id", "must_change", "domain_name", "phone_number", "comment", "remote_access", "remote_by_groups", "admin", "admin_by_group", "psw",
	"group.name", "group.admin", "position", "directory", "directory_group",
	"ip", "mac", "user_id", "always_logged",
	"directory.name", "kind", "user", "dns_ips", "controllers", "transport", "tls_name", "ca_pem", "ldap_paths", "login_groups", "remote_groups", "lockout_limit",
	"lockout_minutes", "check_minutes", "default", "computer_name", "password_change", "password", "keytab",
	"certificate.directory", "email", "eab_key_id", "eab_hmac_key", "terms", "directory_root_pem",
}

// AdministratorByGroup is the act of the gateway when groups make an account an administrator, or no longer do.
func AdministratorByGroup(before, now User, at time.Time) Act {
	value := func(is bool) json.RawMessage { return json.RawMessage(strconv.FormatBool(is)) }
	return Act{At: at, Source: ActByGateway, Code: ActAdministratorByGroup, Object: strconv.FormatInt(int64(now.ID), 10), Name: now.FullLogin(),
		Changes: []ActChange{{Field: "admin_by_group", Before: value(before.AdminByGroups), After: value(now.AdminByGroups)}}}
}

// ActQuery selects a page of the journal of acts. The newest act is the first.
type ActQuery struct {
	Search string    // a part of a login, a name or an address; case does not matter
	Login  string    // of who did it
	Source ActSource // empty = all
	Kind   ActKind   // empty = all
	From   time.Time // zero = no limit
	Until  time.Time // acts before it; zero = no limit
	Offset int       // at most MaxJournalOffset
	Limit  int       // at most MaxJournalPage
}

// ActPage is a page of the journal of acts.
type ActPage struct {
	Acts    []Act
	Total   int  // how many acts the query selects
	AtLeast bool // counting stopped at Total: there may be more
}

// Limits of an act. Longer values are cut when they are recorded.
const (
	MaxActText  = 500     // characters of a value
	MaxActList  = 100     // values of a list
	MaxActNames = 20_000  // names of objects; Count has their number
	MaxActs     = 500_000 // acts in the journal; the oldest are removed
)
