package agent

import "time"

// DirectoryStep names a step of testing a directory. The catalogues have its title under "directory_step_<step>".
type DirectoryStep string

// Steps, in their order.
const (
	StepControllers DirectoryStep = "controllers" // controllers are found by DNS or typed
	StepConnect     DirectoryStep = "connect"     // a TCP connection to one controller
	StepCertificate DirectoryStep = "certificate" // TLS with a certificate that fits and is trusted
	StepBind        DirectoryStep = "bind"        // the bind of the search account
	StepBases       DirectoryStep = "bases"       // the bases exist and people are found below them
	StepGroups      DirectoryStep = "groups"      // the login groups and remote groups exist
	StepLockout     DirectoryStep = "lockout"     // the lockout of people without a policy of their own
	StepPassword    DirectoryStep = "password"    // the ports for changing passwords answer
	StepPerson      DirectoryStep = "person"      // the typed login means a person, with groups and state
	StepLocal       DirectoryStep = "local"       // local logins that people of the directory have, too
	StepKeytab      DirectoryStep = "keytab"      // the keytab has keys of the services; left out without a keytab
)

// DirectorySteps lists every DirectoryStep, for tests that look for a missing text.
var DirectorySteps = []DirectoryStep{StepControllers, StepConnect, StepCertificate, StepBind, StepBases, StepGroups, StepLockout,
	StepPassword, StepPerson, StepLocal, StepKeytab}

// StepState says how a step ended.
type StepState string

// States of a step.
const (
	StepOK      StepState = "ok"
	StepWarning StepState = "warning" // it works, but the administrator should know something
	StepFailed  StepState = "failed"
	StepSkipped StepState = "skipped" // a step before has failed
)

// DirectoryFinding is what a step found wrong. The catalogues have the cause under "directory_cause_<finding>" and the cure under
// "directory_cure_<finding>".
type DirectoryFinding string

// Findings. The comment names the arguments of the text.
const (
	FindingNoDNS            DirectoryFinding = "no_dns"              // the DNS servers do not answer: {Server}
	FindingNoSRV            DirectoryFinding = "no_srv"              // the domain has no SRV records: {Name}
	FindingForeignHost      DirectoryFinding = "foreign_host"        // the SRV records name hosts outside the domain, and no CA is chosen: {Host}, {Name}
	FindingUnresolved       DirectoryFinding = "unresolved"          // a controller's name has no address: {Host}
	FindingNoAnswer         DirectoryFinding = "no_answer"           // no connection within the time: {Host}
	FindingConnRefused      DirectoryFinding = "conn_refused"        // nothing listens at the port: {Host}
	FindingNoTLS            DirectoryFinding = "no_tls"              // the controller has no certificate (no AD CS): {Host}; the cure has the PowerShell lines
	FindingUnknownCA        DirectoryFinding = "unknown_ca"          // {Host}, {Issuer}
	FindingSelfSigned       DirectoryFinding = "self_signed"         // {Host}
	FindingWrongName        DirectoryFinding = "wrong_name"          // {Host}, {Names}
	FindingNoSAN            DirectoryFinding = "no_san"              // the certificate has no subject alternative name: {Host}
	FindingSHA1             DirectoryFinding = "sha1"                // signed with SHA-1: {Host}
	FindingExpiredCert      DirectoryFinding = "expired_cert"        // {Host}, {Until}
	FindingTLSFailed        DirectoryFinding = "tls_failed"          // another failure of the handshake: {Host}, {Error}
	FindingSearchCredential DirectoryFinding = "search_credentials"  // wrong login or password of the search account
	FindingSearchTries      DirectoryFinding = "search_tries"        // too many wrong passwords of the search account were tried: {Limit} of them, {Minutes} to wait
	FindingSearchAccount    DirectoryFinding = "search_account"      // the search account is disabled, locked, expired …: {Reason} is a refusal's text
	FindingPasswordLost     DirectoryFinding = "password_lost"       // DirectorySettings.PasswordLost
	FindingNoBase           DirectoryFinding = "no_base"             // {Base}
	FindingEmptyBase        DirectoryFinding = "empty_base"          // no person is readable below it: {Base}
	FindingNoGroup          DirectoryFinding = "no_group"            // a configured group is missing: {Group}
	FindingEverybody        DirectoryFinding = "everybody"           // no login groups: everybody in the directory may log in
	FindingLockoutUnknown   DirectoryFinding = "lockout_unknown"     // {Limit}, {Minutes}
	FindingLockoutOne       DirectoryFinding = "lockout_one"         // one wrong password locks the account
	FindingNoKPasswd        DirectoryFinding = "no_kpasswd"          // port 88 or 464 does not answer, so LDAP changes passwords: {Host}
	FindingNoPerson         DirectoryFinding = "no_person"           // {Login}
	FindingSeveral          DirectoryFinding = "several_people"      // a login that means several people: {Login}
	FindingNotInGroup       DirectoryFinding = "person_not_in_group" // the person is in none of the login groups
	FindingPersonRefused    DirectoryFinding = "person_refused"      // the person could not log in now: {Reason} is a refusal's text
	FindingLocalLogins      DirectoryFinding = "local_logins"        // local logins win over those of the directory
	FindingKeytabLost       DirectoryFinding = "keytab_lost"         // DirectorySettings.KeytabLost
	FindingNoService        DirectoryFinding = "no_service"          // the keytab has no key of a service: {Service}
	FindingNoServiceName    DirectoryFinding = "no_service_name"     // the gateway has no domain name, so browsers get no ticket
	FindingFailed           DirectoryFinding = "failed"              // an error of the protocol: {Error}
)

// DirectoryFindings lists every DirectoryFinding, for tests that look for a missing text.
var DirectoryFindings = []DirectoryFinding{FindingNoDNS, FindingNoSRV, FindingForeignHost, FindingUnresolved, FindingNoAnswer, FindingConnRefused,
	FindingNoTLS, FindingUnknownCA, FindingSelfSigned, FindingWrongName, FindingNoSAN, FindingSHA1, FindingExpiredCert,
	FindingTLSFailed, FindingSearchCredential, FindingSearchTries, FindingSearchAccount, FindingPasswordLost, FindingNoBase, FindingEmptyBase,
	FindingNoGroup, FindingEverybody, FindingLockoutUnknown, FindingLockoutOne, FindingNoKPasswd, FindingNoPerson, FindingSeveral,
	FindingPersonRefused, FindingNotInGroup, FindingLocalLogins, FindingKeytabLost, FindingNoService, FindingNoServiceName, FindingFailed}

// DirectoryReport is the result of testing a directory.
type DirectoryReport struct {
	Steps        []StepResult
	Certificates []DirectoryCertificate // as the controller of the last connection sent them; empty without TLS
	Person       *PersonReport          // the person of the typed login
	Local        []LocalLogin           // local logins that exist in the directory
}

// OK reports whether no step failed.
func (r DirectoryReport) OK() bool {
	for _, s := range r.Steps {
		if s.State == StepFailed || s.State == StepSkipped {
			return false
		}
	}
	return true
}

// StepResult is the result of one step.
type StepResult struct {
	Step    DirectoryStep
	State   StepState
	Took    time.Duration
	Details []string // what was found, as the directory names it: controllers, DNs, group names
	Finding DirectoryFinding
	Args    map[string]string // of the finding's text
	Reason  Code              // {Reason} of the finding's text
}

// DirectoryCertificate is a certificate that a controller sent.
type DirectoryCertificate struct {
	Subject, Issuer     string
	Names               []string // subject alternative names
	NotBefore, NotAfter time.Time
	SHA256              string // fingerprint of the certificate, lower-case hex
	CA                  bool   // it may sign others
	Trusted             bool   // it leads to a trusted one, and the name fits
	PEM                 string
}

// PersonReport is a person as a test of the directory found it.
type PersonReport struct {
	DirectoryPerson
	DN     string
	Groups []string // names, or SIDs where a name is not readable
}

// LocalLogin is a local account whose login exists in a directory.
type LocalLogin struct {
	User   User
	Person DirectoryPerson
}

// DirectoryStatus is the state of a directory in use.
type DirectoryStatus struct {
	Tried       bool // it was asked since its settings are in use
	Reachable   bool
	Controllers []ControllerStatus
	Checked     time.Time // the last complete check of the accounts; zero = none yet
	Withheld    *WithheldCheck
}

// ControllerStatus is the state of one controller.
type ControllerStatus struct {
	Host      string // host:port
	Reachable bool
	Since     time.Time // of the present state
	Latency   time.Duration
}

// WithheldCheck is a check of the accounts that has ended no session yet, because it would end too many or something
// configured is missing. The administrator must confirm it.
type WithheldCheck struct {
	At       time.Time
	Sessions int      // that would end
	Of       int      // live sessions of the directory
	Missing  []string // DNs or names of configured bases and groups that were not found
}
