package agent

// Condition is something that an administrator should know about the gateway: a part of it does not work, or soon may not.
type Condition struct {
	Code     ConditionCode
	Severity Severity
	Detail   string            // which of several causes; ConditionCode names its type
	Args     map[string]string // arguments of the text; ConditionCode names them
}

// Severity says how bad a condition is.
type Severity string

// Severities.
const (
	SeverityOK   Severity = "ok"   // there is no condition
	SeverityWarn Severity = "warn" // something needs attention: a part does not work, or was switched off on purpose
	SeverityBad  Severity = "bad"  // many people cannot log in, nobody gets through the gateway, or people get access without a login although nobody wanted that
)

// Severities lists every Severity, for tests that look for a missing text.
var Severities = []Severity{SeverityOK, SeverityWarn, SeverityBad}

// Worst returns the severity of all conditions together.
func Worst(conditions []Condition) Severity {
	worst := SeverityOK
	for _, c := range conditions {
		if c.Severity == SeverityBad {
			return SeverityBad
		}
		worst = SeverityWarn
	}
	return worst
}

// HasCondition reports whether a condition is in the list.
func HasCondition(conditions []Condition, code ConditionCode) bool {
	for _, c := range conditions {
		if c.Code == code {
			return true
		}
	}
	return false
}

// ConditionCode names a condition. locale.Localizer.Condition has its text.
type ConditionCode string

// Conditions. The comment names the type of the detail and the arguments of the text.
const (
	ConditionStore          ConditionCode = "store"            // nothing can be stored; a StoreTrouble
	ConditionAgentOff       ConditionCode = "agent_off"        // the agent is switched off; Detail is "closed" if the firewall lets nobody pass meanwhile
	ConditionDomain         ConditionCode = "domain"           // no domain is saved
	ConditionEnforcement    ConditionCode = "enforcement"      // the firewall does not work; an Enforcement; {Flowtable}
	ConditionInterfaces     ConditionCode = "interfaces"       // no interfaces are chosen
	ConditionForwarding     ConditionCode = "forwarding"       // the kernel does not forward packets; Detail is "4" or "6" if only those packets are meant
	ConditionDNS            ConditionCode = "dns"              // agents cannot look the domain up before login: {Name}, {Servers}
	ConditionGone           ConditionCode = "interfaces_gone"  // chosen interfaces are missing: {Interfaces}
	ConditionDown           ConditionCode = "interfaces_down"  // chosen interfaces are switched off or have no link; Detail is "closed" if no LAN or no WAN interface is left: {Interfaces}
	ConditionReplaced       ConditionCode = "replaced"         // the packets of chosen interfaces carry another name: {Interfaces}
	ConditionUplinks        ConditionCode = "uplinks"          // interfaces that lead to the Internet are not chosen: {Interfaces}
	ConditionVLANs          ConditionCode = "vlans"            // VLANs on chosen interfaces are not chosen: {Interfaces}
	ConditionNotLocal       ConditionCode = "not_local"        // networks of LAN interfaces are not local networks: {Networks}
	ConditionNetworksUnseen ConditionCode = "networks_unseen"  // nobody has confirmed the local networks found at the first start
	ConditionBoot           ConditionCode = "boot"             // the rules for the next boot are not stored; a BootTrouble; {Closed} is "1" or empty
	ConditionRestored       ConditionCode = "restored"         // another program has changed the rules; {Time} is when they were put back
	ConditionVPN            ConditionCode = "vpn"              // there is no tunnel
	ConditionVPNLacks       ConditionCode = "vpn_lacks"        // the tunnel leads no further than to the gateway; a TunnelLack
	ConditionInstaller      ConditionCode = "installer"        // this build has no installer
	ConditionDirectory      ConditionCode = "directory"        // a directory does not answer: {Name}, {ID}
	ConditionWithheld       ConditionCode = "withheld"         // a check of a directory's accounts waits for the administrator: {Name}, {ID}
	ConditionPasswordLost   ConditionCode = "password_lost"    // the password of a directory's search account cannot be decrypted: {Name}, {ID}
	ConditionBackup         ConditionCode = "backup"           // the daily backup failed; a BackupTrouble; {Time} is when
	ConditionCertificate    ConditionCode = "certificate_ends" // a certificate ends soon; the fields of a CertificateEnd: {Name}, {Until}, {Source}, {Order}
)

// ConditionCodes lists every ConditionCode, for tests that look for a missing text.
var ConditionCodes = []ConditionCode{ConditionStore, ConditionAgentOff, ConditionDomain, ConditionEnforcement, ConditionInterfaces,
	ConditionForwarding, ConditionDNS, ConditionGone, ConditionDown, ConditionReplaced, ConditionUplinks, ConditionVLANs, ConditionNotLocal,
	ConditionNetworksUnseen, ConditionBoot, ConditionRestored, ConditionVPN, ConditionVPNLacks, ConditionInstaller, ConditionDirectory,
	ConditionWithheld, ConditionPasswordLost, ConditionBackup, ConditionCertificate}
