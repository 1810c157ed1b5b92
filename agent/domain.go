package agent

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// ParseDomain reads the gateway's name as an administrator types or pastes it. The result is a DNS name in lower-case
// ASCII (IDNA 2008: «шлюз.рф» becomes "xn--g1ah2bza.xn--p1ai") or an IP address in its canonical form. A pasted scheme,
// path or port is cut off and returned in removed. An address at which no other computer can reach the gateway is refused.
func ParseDomain(text string) (host, removed string, problem Problem) {
	bad := func(code string) (string, string, Problem) {
		return "", "", Problem{"auth_domain", code, Clean(text, 80)}
	}
	host = strings.TrimSpace(text)
	if host == "" {
		return "", "", Problem{"auth_domain", "field_required", ""}
	}
	var scheme, pastedPort, path string
	if i := strings.Index(host, "://"); i >= 0 {
		scheme, host = host[:i+3], host[i+3:]
	}
	if i := strings.IndexAny(host, `/?#\`); i >= 0 {
		host, path = host[:i], host[i:]
	}
	if strings.IndexFunc(host, unicode.IsSpace) >= 0 {
		return bad("field_domain_spaces")
	}
	if name, port, err := net.SplitHostPort(host); err == nil && isPort(port) {
		host, pastedPort = name, ":"+port
	}
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil && isUnreachable(a) {
		return bad("field_domain_unusable")
	}
	host, ok := canonicalHost(host)
	if !ok {
		return bad("field_domain")
	}
	return host, Clean(strings.Join(strings.Fields(scheme+" "+pastedPort+" "+path), " "), 120), Problem{}
}

// isUnreachable reports whether no other computer can connect to an address, or only with an interface named beside it:
// link-local, multicast, broadcast, reserved. Loopback is allowed, because the agent may run on the gateway.
func isUnreachable(a netip.Addr) bool {
	a = a.Unmap()
	if a.Is4() {
		return NotRoutable(netip.PrefixFrom(a, 32)) && !a.IsLoopback()
	}
	return a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() || a.IsLinkLocalUnicast()
}

// IsHost reports whether s is a host as ParseDomain returns it. An installer may have only such a preset.
func IsHost(s string) bool {
	host, ok := canonicalHost(s)
	return ok && host == s
}

// ParseServer reads HOST[:PORT] from the agent's --server, policy or window. An IPv6 address with a port needs
// brackets. The default port is DefaultAgentPort.
func ParseServer(text string) (host string, port uint16, problem Problem) {
	bad := Problem{"server", "field_server", Clean(text, 80)}
	host, port = strings.TrimSpace(text), DefaultAgentPort
	if host == "" {
		return "", 0, Problem{"server", "field_required", ""}
	}
	if _, err := netip.ParseAddr(host); err != nil {
		if name, p, err := net.SplitHostPort(host); err == nil {
			n, err := strconv.ParseUint(p, 10, 16)
			if err != nil || n == 0 {
				return "", 0, bad
			}
			host, port = name, uint16(n)
		}
	}
	host, ok := canonicalHost(host)
	if !ok {
		return "", 0, bad
	}
	return host, port, Problem{}
}

// ParseSuffixes reads DNS suffixes as people write them: «корп.рф», ".Corp.Local". The results are DNS names in
// lower-case ASCII without the leading dot, in the same order without duplicates. An address is a Problem. Underscores are
// allowed: old domains of Active Directory have them, and its zone _msdcs.
func ParseSuffixes(field string, list []string) ([]string, Problem) {
	seen := map[string]bool{}
	names := []string{}
	for _, text := range list {
		name, ok := canonicalSuffix(strings.TrimPrefix(strings.TrimSpace(text), "."))
		if !ok {
			return nil, Problem{field, "field_domain_name", Clean(text, 80)}
		}
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names, Problem{}
}

// isSuffix reports whether s is a suffix as ParseSuffixes returns it.
func isSuffix(s string) bool {
	name, ok := canonicalSuffix(s)
	return ok && name == s
}

func canonicalSuffix(s string) (string, bool) {
	if _, err := netip.ParseAddr(s); err == nil {
		return "", false
	}
	return canonicalName(s, idnaWithUnderscores, "_")
}

// idnaWithUnderscores is idna.Lookup without its check of the ASCII characters, which isLabel does.
var idnaWithUnderscores = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.CheckHyphens(true), idna.CheckJoiners(true),
	idna.StrictDomainName(false))

// canonicalHost returns a host in its canonical form: RFC 5952 for addresses, lower-case A-labels for names.
func canonicalHost(s string) (string, bool) {
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		s = s[1 : len(s)-1]
		if a, err := netip.ParseAddr(s); err != nil || !a.Is6() {
			return "", false
		}
	}
	if a, err := netip.ParseAddr(s); err == nil {
		if a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() {
			return "", false
		}
		return a.Unmap().String(), true
	}
	return canonicalName(s, idna.Lookup, "")
}

// canonicalName returns a DNS name in its canonical form. The characters of more are allowed too.
func canonicalName(s string, profile *idna.Profile, more string) (string, bool) {
	name, err := profile.ToASCII(strings.TrimSuffix(s, "."))
	if err != nil || name == "" || len(name) > 253 || !utf8.ValidString(s) { // idna accepts invalid UTF-8
		return "", false
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if !isLabel(label, more) {
			return "", false
		}
	}
	if last := labels[len(labels)-1]; strings.Trim(last, "0123456789") == "" {
		return "", false // "10.0.0.300" is a mistyped address, not a name (RFC 3696, 2)
	}
	return name, true
}

// isLabel checks one label by RFC 1123, 2.1: letters, digits and inner hyphens. The characters of more are allowed too.
func isLabel(label, more string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := 0; i < len(label); i++ {
		c := label[i]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || strings.IndexByte(more, c) >= 0) {
			return false
		}
	}
	return true
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}
