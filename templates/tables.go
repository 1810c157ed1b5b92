package templates

import "net/netip"

// address formats an address for a table; «—» if there is none.
func address(a netip.Addr) string {
	if !a.IsValid() {
		return "—"
	}
	return a.String()
}
