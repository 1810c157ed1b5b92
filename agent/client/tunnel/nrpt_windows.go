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
	// refreshForce makes RefreshPolicyEx apply unchanged policies too (RP_FORCE).
	refreshForce = 1
)

// writeNRPT writes the agent's rule. It reports whether the key of group policy exists, even an empty one.
func writeNRPT(s client.TunnelSetup) (policy bool, err error) {
	policy = keyExists(nrptPolicy)
	local, _, err := registry.CreateKey(registry.LOCAL_MACHINE, nrptLocal, registry.QUERY_VALUE)
	if err != nil {
		return policy, fmt.Errorf("create the key %s: %w", nrptLocal, err)
	}
	local.Close()
	for _, key := range nrptKeys(policy) {
		if err := createVolatileKey(key, nrptRule); err != nil {
			return policy, fmt.Errorf("create the DNS rule in %s: %w", key, err)
		}
	}
	return policy, writeValues(nrptValues(s, policy))
}

// nrptNeedsRewrite reports whether the rule is missing from one of the keys that it belongs under now.
func nrptNeedsRewrite() bool {
	has := map[string]bool{}
	for _, key := range nrptKeys(true) {
		has[key] = keyExists(key + `\` + nrptRule)
	}
	return needsRewrite(keyExists(nrptPolicy), has)
}

// windowsNRPT calls Windows.
var windowsNRPT = nrptSystem{
	deleteKey:     func(path string) error { return registry.DeleteKey(registry.LOCAL_MACHINE, path) },
	isEmptyKey:    isEmptyKey,
	refreshPolicy: refreshPolicy,
	flushCache:    flushDNSCache,
}

// removeNRPT removes the agent's rule and applies the change.
func removeNRPT() error { return windowsNRPT.remove() }

// applyNRPT flushes the DNS cache and, for rules of group policy, makes Windows read group policy again.
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
	procDnsFlushResolverCache.Call() // its result is not documented
	return nil
}
