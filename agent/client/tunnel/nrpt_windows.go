package tunnel

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

var (
	procDnsFlushResolverCache = windows.NewLazySystemDLL("dnsapi.dll").NewProc("DnsFlushResolverCache")
	procRefreshPolicyEx       = windows.NewLazySystemDLL("userenv.dll").NewProc("RefreshPolicyEx")
)

// refreshForce makes RefreshPolicyEx apply what has not changed, too (RP_FORCE).
const refreshForce = 1

// writeNRPT writes the agent's rule. It tells whether group policy has a place for it, too.
func writeNRPT(v nrptValues) (policy bool, err error) {
	policy = policyExists()
	for _, path := range nrptKeys(policy) {
		if err := writeNRPTTo(path, v); err != nil {
			return policy, fmt.Errorf("DNS rule %s: %w", path, err)
		}
	}
	return policy, nil
}

func writeNRPTTo(path string, v nrptValues) error {
	key, _, err := registry.CreateKey(registry.LOCAL_MACHINE, path, registry.SET_VALUE)
	if err != nil {
		return err
	}
	defer key.Close()
	if err := key.SetStringsValue("Name", v.Name); err != nil {
		return err
	}
	if err := key.SetStringValue("GenericDNSServers", v.GenericDNSServers); err != nil {
		return err
	}
	if err := key.SetDWordValue("ConfigOptions", v.ConfigOptions); err != nil {
		return err
	}
	return key.SetDWordValue("Version", v.Version)
}

// policyExists tells whether group policy has a table of its own, even an empty one.
func policyExists() bool {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, nrptPolicy, registry.QUERY_VALUE)
	if err != nil {
		return false
	}
	key.Close()
	return true
}

// removeNRPT removes the agent's rule wherever it is, and nothing else.
func removeNRPT() error {
	removed, policy := false, false
	for _, path := range nrptKeys(true) {
		err := registry.DeleteKey(registry.LOCAL_MACHINE, path)
		switch {
		case err == nil:
			removed, policy = true, strings.HasPrefix(path, nrptPolicy)
		case !errors.Is(err, registry.ErrNotExist):
			return fmt.Errorf("DNS rule %s: %w", path, err)
		}
	}
	if !removed {
		return nil
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
	if err := procDnsFlushResolverCache.Find(); err != nil {
		return err
	}
	procDnsFlushResolverCache.Call() // what it returns is not documented
	return nil
}
