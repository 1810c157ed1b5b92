package agent

import "net/netip"

// Contains reports whether a list has an element. Package slices is newer than Go 1.20.
func Contains[T comparable](list []T, one T) bool {
	for _, each := range list {
		if each == one {
			return true
		}
	}
	return false
}

// same reports whether two lists have the same elements in the same order.
func same[T comparable](a, b []T) bool {
	if len(a) != len(b) {
		return false
	}
	for i, one := range a {
		if one != b[i] {
			return false
		}
	}
	return true
}

// InAny reports whether one of the networks contains an address.
func InAny(nets []netip.Prefix, a netip.Addr) bool {
	for _, n := range nets {
		if n.Contains(a) {
			return true
		}
	}
	return false
}
