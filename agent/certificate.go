package agent

import "time"

// CertificateSource is where a certificate comes from.
type CertificateSource string

// Sources, in the order in which they are preferred for a name.
const (
	SourceUploaded CertificateSource = "uploaded" // an administrator uploaded it
	SourceACME     CertificateSource = "acme"     // ordered from a certificate authority (CA) by ACME, RFC 8555
	SourceOwnRoot  CertificateSource = "own_root" // issued by the gateway itself
)

// Certificate describes a certificate of the gateway and its chain, without the private key.
type Certificate struct {
	Source CertificateSource
	Chain  []ChainCertificate // the leaf first
	Names  []string           // of the leaf: DNS names in ASCII and IP addresses
	Key    string             // of the leaf, for instance "ECDSA P-256" or "RSA 2048"
	// Renewal is when the gateway will renew it; zero = only an administrator can.
	Renewal time.Time
}

// ChainCertificate is one certificate of a chain.
type ChainCertificate struct {
	Subject, Issuer     string // common name, or the whole name if there is none
	NotBefore, NotAfter time.Time
	SHA256              string // fingerprint of the certificate: pairs of upper-case hex digits with colons between
}

// Leaf returns the first certificate of the chain.
func (c Certificate) Leaf() ChainCertificate {
	if len(c.Chain) == 0 {
		return ChainCertificate{}
	}
	return c.Chain[0]
}

// ServedCertificate is what a port serves for a name or address now.
type ServedCertificate struct {
	Port ServedPort
	Name string
	Certificate
	// Pinned is what agents with a pin get there; only on PortAgent, and only if it is another certificate.
	Pinned *Certificate
}

// ServedPort is a port with TLS.
type ServedPort string

// Ports.
const (
	PortPortal ServedPort = "portal"
	PortAgent  ServedPort = "agent"
)

// UploadedCertificateID is the ID of an uploaded certificate.
type UploadedCertificateID int64

// UploadedCertificate is a certificate that an administrator uploaded.
type UploadedCertificate struct {
	ID     UploadedCertificateID
	Added  time.Time
	PEM    string // the chain, the leaf first
	Sealed string // the private key, PKCS #8, encrypted by secretbox
}

// ACMESettings say where and how certificates are ordered. They are stored as JSON, so the names of the fields stay.
type ACMESettings struct {
	Directory string `json:"directory"`  // URL of the CA's directory (https); empty = nothing is ordered
	RootPEM   string `json:"root_pem"`   // the roots that may have signed the certificate of Directory; empty = those of the system
	Email     string `json:"email"`      // contact for the CA; may be empty
	EABKeyID  string `json:"eab_key_id"` // external account binding; empty = none
	EABSealed string `json:"eab_sealed"` // its HMAC key in base64url, encrypted by secretbox
	// Terms is the URL of the terms of service that an administrator accepted; TermsNone if the CA has none; empty = not accepted.
	Terms string `json:"terms"`
}

// TermsNone is ACMESettings.Terms for a CA without terms of service.
const TermsNone = "none"

// ACMEChange is a change of the ACMESettings as an administrator types it.
type ACMEChange struct {
	Directory, RootPEM, Email, EABKeyID string
	EABKey                              string // base64url; empty = unchanged as long as Directory and EABKeyID are
	AcceptTerms                         bool   // accept the terms that the directory names now
}

// Directories of Let's Encrypt.
const (
	LetsEncrypt        = "https://acme-v02.api.letsencrypt.org/directory"
	LetsEncryptStaging = "https://acme-staging-v02.api.letsencrypt.org/directory"
)

// IsLetsEncrypt reports whether a directory is one of Let's Encrypt, which checks names from the Internet only. Another CA may be the
// company's.
func IsLetsEncrypt(directory string) bool {
	return directory == LetsEncrypt || directory == LetsEncryptStaging
}

// OrderState says how far the ordering of a certificate is.
type OrderState string

// States of an order.
const (
	OrderOff      OrderState = "off"      // ordering is off, or the terms are not accepted
	OrderNever    OrderState = "never"    // the CA could not check the name; CertificateOrder.Problem has the reason
	OrderUploaded OrderState = "uploaded" // an uploaded certificate fits, so none is ordered
	OrderRunning  OrderState = "running"
	OrderFailed   OrderState = "failed" // the next try is at CertificateOrder.Next
	OrderDone     OrderState = "done"   // there is a certificate; CertificateOrder.Next is its renewal
)

// CertificateOrder is the state of ordering a certificate for a name.
type CertificateOrder struct {
	Name    string
	State   OrderState
	Then    OrderState // with OrderUploaded: the state without the uploaded certificate
	Tried   time.Time  // when the last try ended; zero = never
	Next    time.Time  // zero = not planned
	Problem *CertificateProblem
}

// CertificateProblem is why a certificate could not be ordered.
type CertificateProblem struct {
	Code   CertificateCause
	Args   map[string]string // arguments of the texts; CertificateCause names them
	CA     string            // what the CA said, in its own words; may be empty
	Checks []NameCheck       // what the gateway itself found out about the name
}

// Error implements error, so that a problem can be returned as one.
func (p *CertificateProblem) Error() string { return string(p.Code) + ": " + p.CA }

// CertificateCause names a cause. The catalogues have the cause under "certificate_cause_<cause>" and the cure under
// "certificate_cure_<cause>".
type CertificateCause string

// Causes. The comment names the arguments of the texts. {Name} is always there.
const (
	CauseSingleLabel    CertificateCause = "single_label"    // the name has no dot
	CausePrivateName    CertificateCause = "private_name"    // .local, .lan, .internal … exist only in this network
	CauseAddress        CertificateCause = "address"         // the domain is an IP address
	CauseNotFound       CertificateCause = "not_found"       // the name does not resolve at the CA
	CausePrivateAddress CertificateCause = "private_address" // the name leads to a private address: {Address}
	CauseConnection     CertificateCause = "connection"      // the CA cannot connect to port 80 or 443: {Address}, {Port}
	CauseWrongAnswer    CertificateCause = "wrong_answer"    // something else answers at the name: {Address}
	CauseCAA            CertificateCause = "caa"             // a CAA record forbids the CA
	CauseDNS            CertificateCause = "dns"             // the name servers fail (SERVFAIL, DNSSEC)
	CauseRateLimited    CertificateCause = "rate_limited"    // {Until}, in RFC 3339
	CauseRefusedName    CertificateCause = "refused_name"    // the CA issues nothing for this name
	CauseUnreachable    CertificateCause = "unreachable"     // the CA does not answer: {Host}
	CauseUntrustedCA    CertificateCause = "untrusted_ca"    // the certificate of the directory is signed by an unknown CA: {Host}, {Issuer}
	CauseNoACME         CertificateCause = "no_acme"         // the URL is no ACME directory: {Host}
	CauseTerms          CertificateCause = "terms"           // the terms of service are not accepted, or have changed
	CauseEABNeeded      CertificateCause = "eab_needed"      // the CA wants an external account binding
	CauseEABWrong       CertificateCause = "eab_wrong"       // the CA refuses the external account binding
	CauseEABLost        CertificateCause = "eab_lost"        // the stored key of the binding cannot be decrypted
	CauseEmail          CertificateCause = "email"           // the CA refuses the e-mail address
	CauseCAFailed       CertificateCause = "ca_failed"       // the CA has a fault of its own
	CauseStorage        CertificateCause = "storage"         // the certificate cannot be stored: {Error}
	CauseOther          CertificateCause = "other"           // only CertificateProblem.CA says what
)

// CertificateCauses lists every cause, for tests that look for a missing text.
var CertificateCauses = []CertificateCause{CauseSingleLabel, CausePrivateName, CauseAddress, CauseNotFound, CausePrivateAddress,
	CauseConnection, CauseWrongAnswer, CauseCAA, CauseDNS, CauseRateLimited, CauseRefusedName, CauseUnreachable, CauseUntrustedCA,
	CauseNoACME, CauseTerms, CauseEABNeeded, CauseEABWrong, CauseEABLost, CauseEmail, CauseCAFailed, CauseStorage, CauseOther}

// NameCheck is one thing that the gateway found out about a name. Checks inform; only CheckPrivateDNS prevents an order, at Let's Encrypt. The catalogues have the
// text under "certificate_check_<check>".
type NameCheck struct {
	Check NameCheckKind
	State StepState
	Args  map[string]string
}

// NameCheckKind names a check.
type NameCheckKind string

// Checks. The comment names the arguments of the texts. {Name} is always there.
const (
	CheckPublicDNS    NameCheckKind = "public_dns"     // the addresses that a public resolver answers: {Addresses}
	CheckPrivateDNS   NameCheckKind = "private_dns"    // all of them are private: {Addresses}
	CheckNotInDNS     NameCheckKind = "not_in_dns"     // a public resolver knows no address
	CheckDNSFailed    NameCheckKind = "dns_failed"     // a public resolver cannot resolve the name (SERVFAIL): {Server}
	CheckNoResolver   NameCheckKind = "no_resolver"    // no public resolver answers: {Servers}
	CheckGatewayDNS   NameCheckKind = "gateway_dns"    // the addresses that the gateway's resolver answers: {Addresses}; only without a public answer
	CheckSplitDNS     NameCheckKind = "split_dns"      // the gateway's resolver answers something else: {Inside}, {Outside}
	CheckAAAA         NameCheckKind = "aaaa"           // the IPv6 address leads elsewhere: {Address}
	CheckCAA          NameCheckKind = "caa"            // a CAA record of {Domain} permits other CAs only: {Issuers}
	CheckPort80       NameCheckKind = "port_80"        // this gateway answers at port 80 of {Address}
	CheckPort80Other  NameCheckKind = "port_80_other"  // another server answers there: {Address}
	CheckPort80Silent NameCheckKind = "port_80_silent" // nothing answers the gateway there, which may differ from outside: {Address}
)

// NameCheckKinds lists every check, for tests that look for a missing text.
var NameCheckKinds = []NameCheckKind{CheckPublicDNS, CheckPrivateDNS, CheckNotInDNS, CheckDNSFailed, CheckNoResolver, CheckGatewayDNS, CheckSplitDNS,
	CheckAAAA, CheckCAA, CheckPort80, CheckPort80Other, CheckPort80Silent}

// CertificateEvent is an entry of the history.
type CertificateEvent struct {
	At     time.Time
	Event  CertificateEventKind
	Name   string // the gateway's name; may be empty
	Source CertificateSource
	By     string            // the administrator; empty = the gateway itself
	Cause  CertificateCause  // of EventFailed
	Args   map[string]string // of the text of Cause
	Detail string            // at most 500 characters: the CA's words, or the issuer of the new certificate
}

// CertificateEventKind names an event. The catalogues have its text under "certificate_event_<kind>".
type CertificateEventKind string

// Events.
const (
	EventIssued        CertificateEventKind = "issued" // a certificate for a name that had none of this source
	EventRenewed       CertificateEventKind = "renewed"
	EventFailed        CertificateEventKind = "failed" // the first failure of a kind, not each repetition
	EventUploaded      CertificateEventKind = "uploaded"
	EventRemoved       CertificateEventKind = "removed"        // an uploaded certificate
	EventRootAnnounced CertificateEventKind = "root_announced" // the next root
	EventRootCancelled CertificateEventKind = "root_cancelled"
	EventRootChanged   CertificateEventKind = "root_changed" // the next root has become the root
)

// CertificateEventKinds lists every event, for tests that look for a missing text.
var CertificateEventKinds = []CertificateEventKind{EventIssued, EventRenewed, EventFailed, EventUploaded, EventRemoved, EventRootAnnounced,
	EventRootCancelled, EventRootChanged}

// RootCertificate describes the gateway's own root.
type RootCertificate struct {
	ChainCertificate
	Pin string // base64 of the SHA-256 of the SubjectPublicKeyInfo
}

// RootChange is the announced change of the root.
type RootChange struct {
	Next RootCertificate
	From time.Time // when it becomes the root
}

// RootNotice is how long before its change the next root is announced.
const RootNotice = 30 * 24 * time.Hour

// CertificateEnd is the end of a certificate that nothing will renew.
type CertificateEnd struct {
	Name     string
	Source   CertificateSource
	NotAfter time.Time
	Order    OrderState // why no ordered one follows: OrderOff, OrderNever or OrderFailed
}

// EndNotice is how long before such an end the gateway warns.
const EndNotice = 14 * 24 * time.Hour
