package tunnel

import (
	"fmt"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"

	"ideco-agent/agent/client"
)

var (
	procDnsFlushResolverCache = windows.NewLazySystemDLL("dnsapi.dll").NewProc("DnsFlushResolverCache")
	procRefreshPolicyEx       = userenv.NewProc("RefreshPolicyEx")
)

const (
	// computerPolicy selects the computer's group policy instead of the user's, in all functions of userenv.dll.
	computerPolicy = 1
	// refreshForce makes RefreshPolicyEx apply what has not changed, too (RP_FORCE).
	refreshForce = 1
)

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

// windowsNRPT is the real thing.
var windowsNRPT = nrptSystem{
	deleteKey:     func(path string) error { return registry.DeleteKey(registry.LOCAL_MACHINE, path) },
	isEmptyKey:    isEmptyKey,
	refreshPolicy: refreshPolicy,
	flushCache:    flushDNSCache,
}

func removeNRPT() error           { return windowsNRPT.remove() }
func applyNRPT(policy bool) error { return windowsNRPT.apply(policy) }

func refreshPolicy() error {
	if err := procRefreshPolicyEx.Find(); err != nil {
		return err
	}
	if ok, _, err := procRefreshPolicyEx.Call(computerPolicy, refreshForce); ok == 0 {
		return fmt.Errorf("apply group policy: %w", err)
	}
	return nil
}

func flushDNSCache() error {
	if err := procDnsFlushResolverCache.Find(); err != nil {
		return err
	}
	procDnsFlushResolverCache.Call() // what it returns is not documented
	return nil
}
