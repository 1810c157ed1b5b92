package tunnel

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"ideco-agent/agent/client"
)

// A rule of the name resolution policy table (NRPT) tells Windows which DNS servers to ask for which names. Each rule is a
// registry key, named by a GUID, under one of these two keys ([MS-GPNRPT] 2.2.2). Once the key of group policy exists,
// Windows ignores the local one.
const (
	nrptLocal  = `SYSTEM\CurrentControlSet\Services\Dnscache\Parameters\DnsPolicyConfig`
	nrptPolicy = `SOFTWARE\Policies\Microsoft\Windows NT\DNSClient\DnsPolicyConfig`

	// nrptRule is the name of the agent's only rule.
	nrptRule = `{8A3E1F60-5C0B-4B7E-9D52-1F6C3A7B14F1}`
)

// Values of ConfigOptions and Version ([MS-GPNRPT] 2.2.2.2, 2.2.2.3).
const (
	nrptGenericServers = 0x8 // only GenericDNSServers is in use
	nrptVersion        = 1
)

// nrptNames returns the names that the setup's servers are asked for: those under the suffixes, or all names.
//
// Without a rule for all names Windows 8.1 and newer query the servers of every interface at once and take the first
// answer, which may come from outside (tailscale writes such a rule, too: net/dns/manager_windows.go). The filters block
// plain DNS outside the tunnel only while everything goes through it; the rule also prevents DNS over HTTPS to the servers of
// another interface. A rule holds up to 50 names; agent.MaxSuffixes is less.
func nrptNames(s client.TunnelSetup) []string {
	switch {
	case len(s.DNS) == 0:
		return nil
	case resolvesAll(s):
		return []string{"."}
	}
	var names []string
	for _, suffix := range s.Suffixes {
		names = append(names, "."+suffix)
	}
	return names
}

// nrptValues returns the values of the agent's rule, for each of nrptKeys; none when the setup needs no rule. The keys
// of the rule itself are volatile.
func nrptValues(s client.TunnelSetup, policy bool) []value {
	names := nrptNames(s)
	if len(names) == 0 {
		return nil
	}
	var list []value
	for _, key := range nrptKeys(policy) {
		path := key + `\` + nrptRule
		list = append(list,
			value{path, "Name", names}, // a leading dot means the name and all under it
			value{path, "GenericDNSServers", strings.Join(texts(s.DNS), ";")},
			value{path, "ConfigOptions", uint32(nrptGenericServers)},
			value{path, "Version", uint32(nrptVersion)})
	}
	return list
}

// nrptKeys returns the keys that the rule belongs under: always the local one, so that the rule holds when the policy is
// removed, and with policy also that of group policy.
func nrptKeys(policy bool) []string {
	if policy {
		return []string{nrptLocal, nrptPolicy}
	}
	return []string{nrptLocal}
}

// needsRewrite reports whether the rule must be written again: group policy has removed it, or has created its own key
// since. has holds the keys under which the rule exists.
func needsRewrite(policy bool, has map[string]bool) bool {
	for _, key := range nrptKeys(policy) {
		if !has[key] {
			return true
		}
	}
	return false
}

// rewriteInterval is the minimum time between two writes of the rule. Each write makes Windows apply group policy, after
// which the rule is checked again: a policy that removes it every time would keep the computer busy.
const rewriteInterval = time.Minute

// rewriteDelay returns how long to wait before the rule, last written at written, is written again.
func rewriteDelay(written, now time.Time) time.Duration {
	if wait := written.Add(rewriteInterval).Sub(now); wait > 0 {
		return wait
	}
	return 0
}

// nrptSystem holds the calls to Windows for removing and applying the rule, replaced in tests.
type nrptSystem struct {
	deleteKey                 func(path string) error // fs.ErrNotExist = there is no such key
	isEmptyKey                func(path string) bool
	refreshPolicy, flushCache func() error
}

// remove deletes the rule from both keys, even when one fails, and applies the change. It also deletes the key of group
// policy when that is empty now: as long as the key exists Windows ignores the local rules. It returns the joined errors.
func (s nrptSystem) remove() error {
	var failed []error
	removed := map[string]bool{}
	for _, key := range nrptKeys(true) {
		switch err := s.deleteKey(key + `\` + nrptRule); {
		case err == nil:
			removed[key] = true
		case !errors.Is(err, fs.ErrNotExist):
			failed = append(failed, fmt.Errorf("delete the DNS rule in %s: %w", key, err))
		}
	}
	if removed[nrptPolicy] && s.isEmptyKey(nrptPolicy) {
		if err := s.deleteKey(nrptPolicy); err != nil {
			failed = append(failed, fmt.Errorf("delete the empty key %s: %w", nrptPolicy, err))
		}
	}
	return errors.Join(append(failed, s.apply(removed[nrptPolicy]))...)
}

// apply flushes the DNS cache, which may hold answers from before the change. When rules of group policy have changed, it
// also makes Windows read group policy again; otherwise they would count only after the next regular refresh.
func (s nrptSystem) apply(policy bool) error {
	var failed error
	if policy {
		failed = s.refreshPolicy()
	}
	return errors.Join(failed, s.flushCache())
}
