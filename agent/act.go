package agent

import (
	"encoding/json"
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
	Object  string // its number or its other identifier; empty if there is none
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
	Secret bool            `json:"secret,omitempty"` // the values are not recorded
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
	ActsOfExport       ActKind = "export"
	ActsOfSigningIn    ActKind = "sign_in"
)

// ActKinds are all kinds.
var ActKinds = []ActKind{ActsOnAccounts, ActsOnGroups, ActsOnRules, ActsOnDirectories, ActsOnSettings, ActsOnGateway, ActsOnCertificates,
	ActsOnSessions, ActsOfExport, ActsOfSigningIn}

// ActCode is what was done. The log has the same word.
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
	ActOwnPasswordChanged   ActCode = "own_password_changed"
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

	ActSessionEnded    ActCode = "session_ended"
	ActJournalExported ActCode = "journal_exported"
	ActActsExported    ActCode = "acts_exported"
)

// ActCodes are all codes with what they concern.
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
	ActOwnPasswordChanged:   ActsOnAccounts,
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

	ActSessionEnded:    ActsOnSessions,
	ActJournalExported: ActsOfExport,
	ActActsExported:    ActsOfExport,
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
	MaxActText  = 500    // characters of a value
	MaxActList  = 100    // values of a list
	MaxActNames = 20_000 // names of objects
	MaxActs     = 500_000
)
