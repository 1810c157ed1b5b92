package tunnel

import (
	"errors"
	"fmt"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"

	"ideco-agent/agent/client"
)

var (
	procDnsFlushResolverCache = windows.NewLazySystemDLL("dnsapi.dll").NewProc("DnsFlushResolverCache")
	procRefreshPolicyEx       = userenv.NewProc("RefreshPolicyEx")
)

// refreshForce makes RefreshPolicyEx apply what has not changed, too (RP_FORCE).
const refreshForce = 1

// writeNRPT writes the agent's rule. It tells whether group policy has a table of its own, even an empty one.
func writeNRPT(s client.TunnelSetup) (policy bool, err error) {
	policy = keyExists(nrptPolicy)
	local, _, err := registry.CreateKey(registry.LOCAL_MACHINE, nrptLocal, registry.QUERY_VALUE)
	if err != nil {
		return policy, fmt.Errorf("DNS rules %s: %w", nrptLocal, err)
	}
	local.Close()
	for _, place := range nrptPlaces(policy) {
		if err := makeVolatile(place, nrptRule); err != nil {
			return policy, fmt.Errorf("DNS rule in %s: %w", place, err)
		}
	}
	return policy, writeValues(nrptValues(s, policy))
}

// lacksNRPT tells whether the rule is not where it belongs now.
func lacksNRPT() bool {
	has := map[string]bool{}
	for _, place := range nrptPlaces(true) {
		has[place] = keyExists(place + `\` + nrptRule)
	}
	return nrptLacks(keyExists(nrptPolicy), has)
}

// removeNRPT removes the agent's rule wherever it is. An empty table of group policy is removed with it: Windows would
// look at no other rules as long as it is there.
func removeNRPT() error {
	removed, policy := false, false
	for _, place := range nrptPlaces(true) {
		err := registry.DeleteKey(registry.LOCAL_MACHINE, place+`\`+nrptRule)
		switch {
		case err == nil:
			removed, policy = true, place == nrptPolicy
		case !errors.Is(err, registry.ErrNotExist):
			return fmt.Errorf("DNS rule in %s: %w", place, err)
		}
	}
	if !removed {
		return nil
	}
	if policy && isEmptyKey(nrptPolicy) {
		if err := registry.DeleteKey(registry.LOCAL_MACHINE, nrptPolicy); err != nil {
			return fmt.Errorf("DNS rules %s: %w", nrptPolicy, err)
		}
	}
	return takeUpNRPT(policy)
}

// takeUpNRPT lets Windows forget answers that it has had by other rules. Rules of group policy are read when policy is
// applied, which Windows does later by itself, too.
func takeUpNRPT(policy bool) error {
	if policy {
		if err := procRefreshPolicyEx.Find(); err != nil {
			return err
		}
		const computer = 1
		if ok, _, err := procRefreshPolicyEx.Call(computer, refreshForce); ok == 0 {
			return fmt.Errorf("apply group policy: %w", err)
		}
	}
	return flushDNSCache()
}

func flushDNSCache() error {
	if err := procDnsFlushResolverCache.Find(); err != nil {
		return err
	}
	procDnsFlushResolverCache.Call() // what it returns is not documented
	return nil
}
