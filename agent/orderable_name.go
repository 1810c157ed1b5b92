package agent

import (
	"net/netip"
	"strings"
)

// privateZones are domains that exist only in somebody's network, or nowhere: special-use domains (RFC 6761 and its registry) and
// those of RFC 6762, appendix G. No public CA can check a name under them.
var privateZones = []string{"alt", "corp", "example", "home", "home.arpa", "internal", "intranet", "invalid", "lan", "local", "localdomain",
	"localhost", "onion", "private", "test"}

// OrderableName reports whether a public CA could check a name or address as ParseDomain returns it. If not, cause says why.
func OrderableName(name string) (cause CertificateCause, ok bool) {
	if _, err := netip.ParseAddr(name); err == nil {
		return CauseAddress, false
	}
	for _, zone := range privateZones {
		if name == zone || strings.HasSuffix(name, "."+zone) {
			return CausePrivateName, false
		}
	}
	if !strings.Contains(name, ".") {
		return CauseSingleLabel, false
	}
	return "", true
}
