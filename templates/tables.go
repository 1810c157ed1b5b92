package templates

import "net/netip"

// address is an address for a table; «—» where there is none.
func address(a netip.Addr) string {
	if !a.IsValid() {
		return "—"
	}
	return a.String()
}
