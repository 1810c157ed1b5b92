package agent

// MaxFormerDomains is the most former domains that the gateway serves. A root that an agent verifies permits all of them.
const MaxFormerDomains = 32

// KeepFormerDomain makes the domain that was in force before a change a former one, so that the agents that know the gateway
// by it go on. A former domain that has become the domain again is no former one.
func (s *Settings) KeepFormerDomain(before string) {
	var former []string
	for _, name := range append([]string{before}, s.FormerDomains...) {
		if name != "" && name != s.Domain && !Contains(former, name) {
			former = append(former, name)
		}
	}
	s.FormerDomains = former
}

// HasDomain reports whether host, in its canonical form, is the domain or a former one.
func (s Settings) HasDomain(host string) bool {
	return host != "" && (host == s.Domain || Contains(s.FormerDomains, host))
}

// Domains returns the domain, if there is one, and the former ones, the newest first.
func (s Settings) Domains() []string {
	var list []string
	if s.Domain != "" {
		list = append(list, s.Domain)
	}
	return append(list, s.FormerDomains...)
}
