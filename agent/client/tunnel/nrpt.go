package tunnel

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

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

// nrptNames are the names that the setup's servers are asked for: those under the suffixes, or all of them. Without a
// rule for all names Windows 8.1 and newer ask the servers of every interface at once and take the first answer, which may
// come from outside (tailscale writes such a rule, too: net/dns/manager_windows.go). While everything goes through the
// tunnel the filters stop these questions where they are plain DNS; the rule also stops DNS over HTTPS to the servers of
// another interface. A rule takes 50 names; agent.MaxSuffixes is less.
func nrptNames(s client.TunnelSetup) []string {
	switch {
	case len(s.DNS) == 0:
		return nil
	case asksAll(s):
		return []string{"."}
	}
	var names []string
	for _, suffix := range s.Suffixes {
		names = append(names, "."+suffix)
	}
	return names
}

// nrptValues are the values of the agent's rule in each of its keys; none when the setup needs no rule. The keys
// themselves are volatile.
func nrptValues(s client.TunnelSetup, policy bool) []value {
	names := nrptNames(s)
	if len(names) == 0 {
		return nil
	}
	var list []value
	for _, place := range nrptPlaces(policy) {
		path := place + `\` + nrptRule
		list = append(list,
			value{path, "Name", names}, // a leading dot means the name and all under it
			value{path, "GenericDNSServers", strings.Join(texts(s.DNS), ";")},
			value{path, "ConfigOptions", uint32(nrptGenericServers)},
			value{path, "Version", uint32(nrptVersion)})
	}
	return list
}

// nrptPlaces are where the rule belongs: the local place, also for when the policy goes away, and policy's where there is
// one.
func nrptPlaces(policy bool) []string {
	if policy {
		return []string{nrptLocal, nrptPolicy}
	}
	return []string{nrptLocal}
}

// nrptLacks tells whether the rule has to be written anew, because group policy has removed it, or has made its own place
// since. has names the places where the rule is.
func nrptLacks(policy bool, has map[string]bool) bool {
	for _, place := range nrptPlaces(policy) {
		if !has[place] {
			return true
		}
	}
	return false
}

// rulePause is the least time between two writings of the rule. Each makes Windows apply group policy, after which the
// rule is looked at again: a policy that removes it every time must not keep the computer busy.
const rulePause = time.Minute

// rulePatience is how long a rule that is lacking has to wait, when it was last written at some time.
func rulePatience(written, now time.Time) time.Duration {
	if wait := written.Add(rulePause).Sub(now); wait > 0 {
		return wait
	}
	return 0
}

// nrptSystem is what removing and applying the rule needs from Windows.
type nrptSystem struct {
	deleteKey                 func(path string) error // fs.ErrNotExist = there is no such key
	isEmptyKey                func(path string) bool
	refreshPolicy, flushCache func() error
}

// remove deletes the rule from both keys, even when one fails, and applies the change. It also deletes the key of group
// policy when that is empty now: as long as the key exists Windows ignores the local rules. It returns the joined errors.
func (w nrptSystem) remove() error {
	var failed []error
	removed := map[string]bool{}
	for _, key := range nrptPlaces(true) {
		switch err := w.deleteKey(key + `\` + nrptRule); {
		case err == nil:
			removed[key] = true
		case !errors.Is(err, fs.ErrNotExist):
			failed = append(failed, fmt.Errorf("DNS rule in %s: %w", key, err))
		}
	}
	if removed[nrptPolicy] && w.isEmptyKey(nrptPolicy) {
		if err := w.deleteKey(nrptPolicy); err != nil {
			failed = append(failed, fmt.Errorf("DNS rules %s: %w", nrptPolicy, err))
		}
	}
	return errors.Join(append(failed, w.apply(removed[nrptPolicy]))...)
}

// apply flushes the DNS cache, which may hold answers from before the change. When rules of group policy have changed, it
// also makes Windows read group policy again; otherwise they would count only after the next regular refresh.
func (w nrptSystem) apply(policy bool) error {
	var failed error
	if policy {
		failed = w.refreshPolicy()
	}
	return errors.Join(failed, w.flushCache())
}
