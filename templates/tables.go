package templates

import "net/netip"

// address formats an address for a table; «—» if there is none.
func address(a netip.Addr) string {
	if !a.IsValid() {
		return "—"
	}
	return a.String()
}

// pages are the links from a page of a list to the pages before and after it; empty if there is none.
type pages struct {
	Previous, Next string
	Range          string // which rows are shown, as text
}
