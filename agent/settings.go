package agent

import (
	"math"
	"net/netip"
	"sort"
	"strconv"
	"strings"
	"time"
)

// DevicePolicy is what a login above the device limit does.
type DevicePolicy string

// Device policies.
const (
	DeviceEvict  DevicePolicy = "evict"  // the oldest session ends
	DeviceRefuse DevicePolicy = "refuse" // the login is refused with CodeDeviceLimit
)

// Settings are the settings of the pages «Ideco-agent» and «Сертификат» and, embedded, of the page «Шлюз».
type Settings struct {
	Enabled        bool           // the switch of the page
	Domain         string         // the gateway's DNS name in ASCII (punycode) or its IP address; empty until saved
	FormerDomains  []string       // domains before it that the gateway still serves, in the same form; the newest first
	LocalNetworks  []netip.Prefix // networks of the LAN; sorted, without host bits
	NetworksSeen   bool           // an administrator has saved the networks that were found at the first start
	BrowserSignIn  []netip.Prefix // networks of the LAN whose hosts sign in by a browser; sorted, without host bits
	LocalTunnel    bool           // agents in the LAN use a tunnel, too
	VPNNetwork     netip.Prefix   // /16 to /30; the first address is the gateway
	ForwardNets    []netip.Prefix // networks into the tunnel; empty = everything
	DNS            []netip.Addr   // pushed into the tunnel; empty = none, as the gateway is no resolver
	DNSSuffixes    []string       // pushed into the tunnel; as ParseSuffixes returns them
	SessionLAN     time.Duration  // length of a session in the LAN
	SessionVPN     time.Duration  // length of a session from outside
	Grace          time.Duration  // how long a session outlives a lost connection; whole seconds
	DevicesPerUser int
	DevicePolicy   DevicePolicy
	JournalDays    int // how long the journal keeps ended sessions
	JournalMB      int // limit of the journal in the database, in 10^6 bytes

	ACME ACMESettings // of the page «Сертификат»

	Forwarding bool // the gateway switches packet forwarding on at each start

	Backup BackupSettings // of the page «Резервные копии»

	GatewaySettings
	Trial GatewayTrial // not a setting, but stored together with them
}

// Limits of the settings; NumberSetting has those of numbers.
const (
	MaxNets = 256

	// For one tunnel. Agents refuse more.
	MaxDNS      = 8
	MaxSuffixes = 32
)

// Length is how long a session of the kind may live.
func (s Settings) Length(k Kind) time.Duration {
	if k == KindLAN {
		return s.SessionLAN
	}
	return s.SessionVPN // also for KindWeb
}

// InLocalNetworks reports whether an address is in the local networks. An address of the VPN network never is. Being in
// the LAN also depends on the interface, see Peer.Inside.
func (s Settings) InLocalNetworks(a netip.Addr) bool {
	a = Unmap(a)
	return !s.InVPN(a) && InAny(s.LocalNetworks, a)
}

// SignsInByBrowser reports whether a peer is in the LAN and in a network whose hosts sign in by a browser.
func (s Settings) SignsInByBrowser(p Peer) bool { return p.Inside && InAny(s.BrowserSignIn, p.Addr) }

// InVPN reports whether an address belongs to the VPN network.
func (s Settings) InVPN(a netip.Addr) bool {
	return s.VPNNetwork.IsValid() && s.VPNNetwork.Contains(Unmap(a))
}

// VPNGateway is the gateway's own address inside the tunnel: the first one of the VPN network.
func (s Settings) VPNGateway() netip.Addr { return s.VPNNetwork.Masked().Addr().Next() }

// ParseNetworks reads networks separated by commas, semicolons or white space. An address alone is a network of one
// host. The result is sorted, without host bits and duplicates.
func ParseNetworks(field, text string) ([]netip.Prefix, Problem) {
	return NormalizeNetworks(field, strings.FieldsFunc(text, func(r rune) bool {
		return r == ',' || r == ';' || r == ' ' || r == '\t' || r == '\n' || r == '\r'
	}))
}

// NormalizeNetworks is ParseNetworks for a list.
func NormalizeNetworks(field string, list []string) ([]netip.Prefix, Problem) {
	seen := map[netip.Prefix]bool{}
	nets := []netip.Prefix{}
	for _, text := range list {
		n, err := netip.ParsePrefix(text)
		if err != nil {
			a, err := netip.ParseAddr(text)
			if err != nil || a.Zone() != "" {
				return nil, Problem{field, "field_network", Clean(text, 64)}
			}
			n = netip.PrefixFrom(a, a.BitLen())
		}
		if n.Addr().Is4In6() {
			return nil, Problem{field, "field_network", Clean(text, 64)}
		}
		if n = n.Masked(); !seen[n] {
			seen[n] = true
			nets = append(nets, n)
		}
	}
	sort.Slice(nets, func(i, j int) bool {
		if c := nets[i].Addr().Compare(nets[j].Addr()); c != 0 {
			return c < 0
		}
		return nets[i].Bits() < nets[j].Bits()
	})
	return nets, Problem{}
}

// DefaultSettings are the settings of a new gateway. LocalNetworks are added at the first start.
func DefaultSettings() Settings {
	s := Settings{
		VPNNetwork:      netip.MustParsePrefix("10.128.0.0/16"),
		DevicePolicy:    DeviceEvict,
		GatewaySettings: GatewaySettings{Masquerade: true},
	}
	for _, n := range Numbers() {
		n.Set(&s, n.Default)
	}
	return s
}

// MaxDevices is the highest value of Settings.DevicesPerUser.
const MaxDevices = 100

// SessionNumbers are the numbers for sessions on the page «Ideco-agent».
var SessionNumbers = []NumberSetting{
	{Name: "session_hours_lan", Key: "session_lan", Code: "field_session_hours", Unit: time.Hour, Fraction: true,
		Default: 24, Min: 0.001, Max: 365 * 24, Field: func(s *Settings) any { return &s.SessionLAN }},
	{Name: "session_hours_vpn", Key: "session_vpn", Code: "field_session_hours", Unit: time.Hour, Fraction: true,
		Default: 12, Min: 0.001, Max: 365 * 24, Field: func(s *Settings) any { return &s.SessionVPN }},
	{Name: "grace_seconds", Key: "grace", Code: "field_grace", Unit: time.Second,
		Default: 30, Min: 0, Max: 3600, Field: func(s *Settings) any { return &s.Grace }},
	{Name: "devices_per_user", Key: "devices_per_user", Code: "field_devices", Unit: 1,
		Default: 5, Min: 1, Max: MaxDevices, Field: func(s *Settings) any { return &s.DevicesPerUser }},
}

// JournalNumbers are the limits of the journal on the same page.
var JournalNumbers = []NumberSetting{
	{Name: "journal_days", Key: "journal_days", Code: "field_journal_days", Unit: 1,
		Default: 190, Min: 1, Max: 5*365 + 1, Field: func(s *Settings) any { return &s.JournalDays }},
	{Name: "journal_mb", Key: "journal_mb", Code: "field_journal_mb", Unit: 1,
		Default: 500, Min: 10, Max: 100000, Field: func(s *Settings) any { return &s.JournalMB }},
}

// FirewallTimeout is the number on the page «Шлюз».
var FirewallTimeout = NumberSetting{Name: "firewall_timeout_seconds", Key: "firewall_timeout", Code: "field_firewall_timeout", Unit: time.Second,
	Default: 60, Min: 10, Max: 600, Field: func(s *Settings) any { return &s.FirewallTimeout }}

// NumberSetting describes a setting that is a number. REST, the store and the forms use it.
type NumberSetting struct {
	Name     string        // in REST and forms; the catalogues have its label as Name and its help as Name + "_help"
	Key      string        // in the store; never changes
	Code     string        // of the Problem for a value out of range
	Unit     time.Duration // of Default, Min and Max; 1 for an int
	Fraction bool          // fractions are allowed

	Default, Min, Max float64

	Field func(*Settings) any // a *time.Duration or an *int
}

// AgentNumbers are the numbers on the page «Ideco-agent».
func AgentNumbers() []NumberSetting {
	return append(append([]NumberSetting{}, SessionNumbers...), JournalNumbers...)
}

// Numbers are the numbers of all pages.
func Numbers() []NumberSetting {
	return append(append(AgentNumbers(), FirewallTimeout), BackupNumbers...)
}

// Get returns the value in Unit.
func (n NumberSetting) Get(s *Settings) float64 {
	raw := n.raw(s)
	return float64(raw/int64(n.Unit)) + float64(raw%int64(n.Unit))/float64(n.Unit)
}

// Set changes the setting to a value in Unit. A value out of range, or a fraction that is not allowed, becomes Min-1 or Max+1,
// so that it does not overflow and Check refuses it.
func (n NumberSetting) Set(s *Settings, value float64) {
	if !n.Fraction && value != math.Trunc(value) {
		value = n.Max + 1
	}
	raw := math.Max(n.Min-1, math.Min(value, n.Max+1)) * float64(n.Unit)
	switch field := n.Field(s).(type) {
	case *time.Duration:
		*field = time.Duration(raw)
	case *int:
		*field = int(raw)
	}
}

// Text returns the value for its form field.
func (n NumberSetting) Text(s *Settings) string { return strconv.FormatFloat(n.Get(s), 'f', -1, 64) }

// Parse sets the value from text: "24" or, with Fraction, "0.5" or "0,5".
func (n NumberSetting) Parse(s *Settings, text string) Problem {
	text = strings.TrimSpace(text)
	var value float64
	var err error
	if n.Fraction {
		value, err = strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64)
	} else {
		var whole uint64
		whole, err = strconv.ParseUint(strings.TrimPrefix(text, "+"), 10, 31)
		value = float64(whole)
	}
	if err != nil || math.IsNaN(value) {
		return Problem{n.Name, "field_number", ""}
	}
	n.Set(s, value)
	return Problem{}
}

func (n NumberSetting) raw(s *Settings) int64 {
	if d, ok := n.Field(s).(*time.Duration); ok {
		return int64(*d)
	}
	return int64(*n.Field(s).(*int))
}

func (c *settingsCheck) number(s *Settings, n NumberSetting) {
	raw, unit := n.raw(s), float64(n.Unit)
	c.refuse(raw < int64(n.Min*unit) || raw > int64(n.Max*unit) || !n.Fraction && raw%int64(n.Unit) != 0, n.Name, n.Code, "")
}

// Check returns all problems of the settings, field by field under the REST names.
func (s Settings) Check() []Problem {
	var c settingsCheck
	c.domain(s)
	c.localNetworks(s)
	c.tunnel(s)
	for _, n := range AgentNumbers() {
		c.number(&s, n)
	}
	c.refuse(s.DevicePolicy != DeviceEvict && s.DevicePolicy != DeviceRefuse, "device_policy", "field_device_policy", "")
	c.gateway(s.GatewaySettings)
	c.number(&s, FirewallTimeout)
	c.backup(s)
	return c.problems
}

// settingsCheck collects problems.
type settingsCheck struct{ problems []Problem }

// refuse adds a problem when wrong is true.
func (c *settingsCheck) refuse(wrong bool, field, code, value string) {
	if wrong {
		c.problems = append(c.problems, Problem{field, code, value})
	}
}

func (c *settingsCheck) domain(s Settings) {
	c.refuse(len(s.FormerDomains) > MaxFormerDomains, "auth_domain", "field_too_many_domains", "")
	for i, name := range s.FormerDomains {
		wrong := !IsHost(name) || name == s.Domain || Contains(s.FormerDomains[:i], name)
		c.refuse(wrong, "former_domains", "field_former_domain", Clean(name, 80))
	}
	if s.Domain == "" || IsHost(s.Domain) { // one that an earlier version allowed must not stop other changes
		return
	}
	host, _, p := ParseDomain(s.Domain)
	if p.Code != "" {
		c.problems = append(c.problems, p)
		return
	}
	c.refuse(host != s.Domain, "auth_domain", "field_domain_form", s.Domain)
}

// CheckChange returns the problems of new values. Values that before has too are not checked, so that an old one does not prevent other
// changes. Problems are a domain that is an address at which agents cannot reach the gateway, because it belongs to the VPN
// network or is the first or last of a local network, and a network for browser sign-in that is not a part of a local network.
func (s Settings) CheckChange(before Settings) []Problem {
	var c settingsCheck
	c.newDomain(s, before)
	for _, n := range s.BrowserSignIn {
		if !Contains(before.BrowserSignIn, n) {
			c.refuse(!s.HasLocalNetwork(n), "browser_sign_in_networks", "field_not_local", n.String())
		}
	}
	return c.problems
}

// HasLocalNetwork reports whether n is a part of a local network, and not of the VPN network.
func (s Settings) HasLocalNetwork(n netip.Prefix) bool {
	if isVPNNetwork(s.VPNNetwork) && s.VPNNetwork.Bits() <= n.Bits() && s.VPNNetwork.Contains(n.Addr()) {
		return false
	}
	for _, local := range s.LocalNetworks {
		if local.Bits() <= n.Bits() && local.Contains(n.Addr()) {
			return true
		}
	}
	return false
}

func (c *settingsCheck) newDomain(s, before Settings) {
	a, err := netip.ParseAddr(s.Domain)
	if err != nil {
		return
	}
	if s.Domain == before.Domain {
		c.refuse(s.InVPN(a) && !before.InVPN(a), "vpn_network", "field_vpn_domain", s.Domain)
		return
	}
	c.refuse(s.InVPN(a), "auth_domain", "field_domain_vpn", s.Domain)
	for _, n := range s.LocalNetworks {
		if n.Addr().Is4() && n.Bits() <= 30 && n.Contains(a) && !s.InVPN(a) && (a == n.Addr() || !n.Contains(a.Next())) {
			c.refuse(true, "auth_domain", "field_domain_unusable", s.Domain)
			break
		}
	}
}

func (c *settingsCheck) localNetworks(s Settings) {
	c.refuse(len(s.LocalNetworks) > MaxNets, "local_networks", "field_too_many", "")
	c.refuse(len(s.BrowserSignIn) > MaxNets, "browser_sign_in_networks", "field_too_many", "")
	for _, n := range s.LocalNetworks {
		c.refuse(isInternet(n), "local_networks", "field_whole_internet", n.String())
		c.refuse(isVPNNetwork(s.VPNNetwork) && n.Overlaps(s.VPNNetwork) && n.Bits() >= s.VPNNetwork.Bits(),
			"local_networks", "field_overlaps_vpn", n.String())
	}
}

// tunnel refuses settings that agents refuse or ignore.
func (c *settingsCheck) tunnel(s Settings) {
	c.refuse(!isVPNNetwork(s.VPNNetwork), "vpn_network", "field_vpn_network", "")
	c.refuse(NotRoutable(s.VPNNetwork), "vpn_network", "field_own_place", s.VPNNetwork.String())

	c.forwardNets(s.ForwardNets)

	c.refuse(len(s.DNS) > MaxDNS, "dns", "field_too_many_dns", "")
	for _, a := range s.DNS {
		c.refuse(!a.Is4(), "dns", "field_tunnel_address", a.String())
		c.refuse(NotRoutable(netip.PrefixFrom(a, a.BitLen())), "dns", "field_own_place", a.String())
	}

	c.refuse(len(s.DNSSuffixes) > MaxSuffixes, "dns_suffix", "field_too_many_suffixes", "")
	for _, name := range s.DNSSuffixes {
		c.refuse(!isSuffix(name), "dns_suffix", "field_domain_name", Clean(name, 80))
	}
}

func (c *settingsCheck) forwardNets(nets []netip.Prefix) {
	c.refuse(len(nets) > MaxNets, "forward_nets", "field_too_many", "")
	for _, n := range nets {
		c.refuse(!n.Addr().Is4(), "forward_nets", "field_tunnel_address", n.String())
		c.refuse(NotRoutable(n), "forward_nets", "field_own_place", n.String())
	}
}

func isVPNNetwork(n netip.Prefix) bool {
	return n.IsValid() && n.Addr().Is4() && n.Bits() >= 16 && n.Bits() <= 30
}

// isInternet reports whether a network is so wide that the whole Internet would count as the LAN. The Internet's IPv6
// addresses are 2000::/3.
func isInternet(n netip.Prefix) bool {
	if n.Addr().Is4() {
		return n.Bits() < 3
	}
	return n.Bits() <= 3
}
