package tunnel

import (
	"strings"

	"ideco-agent/agent/client"
)

// Windows asks the DNS servers of its name resolution policy table for the names that a rule of it is about. A rule is
// a registry key that bears a GUID, in one of two places ([MS-GPNRPT] 2.2.2): once the place of group policy exists,
// Windows does not look at the other one any more.
const (
	nrptLocal  = `SYSTEM\CurrentControlSet\Services\Dnscache\Parameters\DnsPolicyConfig`
	nrptPolicy = `SOFTWARE\Policies\Microsoft\Windows NT\DNSClient\DnsPolicyConfig`

	// nrptRule is the agent's only rule.
	nrptRule = `{8A3E1F60-5C0B-4B7E-9D52-1F6C3A7B14F1}`
)

// Values of ConfigOptions and Version ([MS-GPNRPT] 2.2.2.2, 2.2.2.3).
const (
	nrptGenericServers = 0x8 // only GenericDNSServers is in use
	nrptVersion        = 1
)

// nrptValues are the values of a rule.
type nrptValues struct {
	Name              []string // REG_MULTI_SZ; a leading dot means the name and all under it
	GenericDNSServers string   // REG_SZ
	ConfigOptions     uint32   // REG_DWORD
	Version           uint32   // REG_DWORD
}

// nrptFor is the rule that the setup needs; nil when it needs none, because no name or every name is asked through the
// tunnel. A rule takes 50 names; agent.MaxSuffixes is less.
func nrptFor(s client.TunnelSetup) *nrptValues {
	if len(s.DNS) == 0 || asksAll(s) {
		return nil
	}
	v := &nrptValues{GenericDNSServers: strings.Join(texts(s.DNS), ";"), ConfigOptions: nrptGenericServers, Version: nrptVersion}
	for _, suffix := range s.Suffixes {
		v.Name = append(v.Name, "."+suffix)
	}
	return v
}

// nrptKeys are the keys of the rule: the local one, also for when the policy goes away, and policy's where there is one.
func nrptKeys(policy bool) []string {
	if policy {
		return []string{nrptLocal + `\` + nrptRule, nrptPolicy + `\` + nrptRule}
	}
	return []string{nrptLocal + `\` + nrptRule}
}
