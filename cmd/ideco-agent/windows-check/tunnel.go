package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

var (
	vpnNeeds    = []need{needInstalled, needGateway, needLogin, needVPN, needShell}
	tunnelNeeds = with(vpnNeeds, needAdapter)
	indexNeeds  = with(tunnelNeeds, needIndex)
)

var tunnelChecks = []check{
	{"tunnel with a network interface", vpnNeeds, (*suite).tunnelUp},
	{"interface", tunnelNeeds, (*suite).interfaceUp},
	{"routes", indexNeeds, (*suite).routes},
	{"DNS", indexNeeds, (*suite).dns},
	{"Windows says Internet", tunnelNeeds, (*suite).saysInternet},
	{"NetBIOS and DNS registration are off", indexNeeds, (*suite).quiet},
	{"page in the tunnel", tunnelNeeds, func(s *suite) result { return s.page(s.inside, &http.Transport{}) }},
	{"page behind the gateway", with(tunnelNeeds, needURL), func(s *suite) result { return s.page(s.url, &http.Transport{}) }},
	{"gateway stays outside the tunnel", tunnelNeeds, (*suite).gatewayOutside},
	{"filters", with(tunnelNeeds, needTakesAll), (*suite).filtersThere},
	{"foreign DNS is blocked", with(tunnelNeeds, needTakesAll), (*suite).foreignDNS},
	{"IPv6 past the tunnel is blocked", with(tunnelNeeds, needTakesAll), (*suite).foreignIPv6},
	{"nothing stays after a kill", tunnelNeeds, (*suite).afterKill},
	{"nothing stays after the end", with(vpnNeeds, needSeen), (*suite).afterEnd},
}

func with(needs []need, more need) []need { return append(append([]need{}, needs...), more) }

// Addresses of public DNS services (Quad9) that must not be reached past a tunnel that takes all traffic.
const (
	foreignDNS4 = "9.9.9.9:53"
	foreignIPv6 = "[2620:fe::fe]:443"
	probeLimit  = 5 * time.Second
)

// reachable is what was reached before the tunnel came up; what was not proves nothing afterwards.
type reachable struct{ dns, ipv6, internet bool }

func (s *suite) tunnelUp() result {
	s.proxied.kill()
	s.before = reachable{dns: answersDNS(foreignDNS4), ipv6: connects(foreignIPv6)}
	if profiles, err := s.profiles("profiles-before"); err == nil {
		s.before.internet, _ = internet(profiles)
	}
	a, err := s.startAgent("tunnel", s.password, false, "--tunnel", "tun")
	if err != nil {
		return bad("the files of tunnel in the zip", "%v", err)
	}
	e, err := a.wait(s.ctx, stateTunnel, stateError, stateEnded)
	if err != nil {
		a.kill()
		return bad("the files of tunnel in the zip", "%v", err)
	}
	if e.State == stateTunnel && !s.isARM64 {
		s.agent, s.address = a, e.Address
		return good("up, address %s", e.Address)
	}
	a.kill()
	return judgeNoTunnel(e, s.isARM64)
}

// judgeNoTunnel: on ARM64 the program says that it has no VPN there.
func judgeNoTunnel(e event, arm64 bool) result {
	seen := strings.TrimSpace(e.State + " " + e.Code + " " + e.Message)
	if arm64 && e.State != stateTunnel && e.Message != "" {
		return good("ARM64: refused in words: %s", e.Message)
	}
	return bad("the files of tunnel in the zip", "%s", seen)
}

// adapter is the tunnel's interface as Windows sees it.
type adapter struct {
	Name, InterfaceDescription string
	InterfaceIndex             int `json:"ifIndex"`
	InterfaceOperationalStatus int
	DriverVersionString        string
}

// adapters are the interfaces with the agent's GUID, hidden ones included: at most one.
func (s *suite) adapters(name string) ([]adapter, error) {
	var list []adapter
	err := s.shell(name, `Get-NetAdapter -IncludeHidden | Where-Object {$_.InterfaceGuid -eq `+quoteShell(adapterGUID)+
		`} | Select-Object Name,InterfaceDescription,ifIndex,InterfaceOperationalStatus,DriverVersionString`, &list)
	return list, err
}

// settings are the IPv4 settings of an interface.
type settings struct {
	NlMtu           int
	InterfaceMetric int
}

type address struct {
	IPAddress    string
	AddressState enum
}

func (s *suite) interfaceUp() result {
	var list []adapter
	var err error
	s.until(answerTimeout, func() bool {
		list, err = s.adapters("adapter")
		return err == nil && len(list) == 1 && list[0].InterfaceOperationalStatus == 1
	})
	if err != nil || len(list) != 1 {
		return bad("Device Manager, Network adapters; adapter.json in the zip", "%d interfaces of the agent, want one: %v", len(list), err)
	}
	s.index = strconv.Itoa(list[0].InterfaceIndex)
	var ip []settings
	var own []address
	if err := s.shell("ip-interface", `Get-NetIPInterface -AddressFamily IPv4 -InterfaceIndex `+s.index+
		` | Select-Object NlMtu,InterfaceMetric`, &ip); err != nil {
		return bad("ip-interface.txt", "%v", err)
	}
	if err := s.shell("ip-address", `Get-NetIPAddress -AddressFamily IPv4 -InterfaceIndex `+s.index+` | Select-Object IPAddress,AddressState`, &own); err != nil {
		return bad("ip-address.txt", "%v", err)
	}
	s.ask("ipconfig-tunnel", "ipconfig.exe", "/all")
	s.ask("route-tunnel", "route.exe", "print")
	return judgeInterface(list[0], ip, own, s.address)
}

func judgeInterface(a adapter, ip []settings, own []address, want string) result {
	const up, preferred = 1, "4"
	var wrong []string
	if a.InterfaceOperationalStatus != up {
		wrong = append(wrong, fmt.Sprintf("its state is %d, want 1 (up)", a.InterfaceOperationalStatus))
	}
	if len(ip) != 1 {
		return bad("ip-interface.json", "it has no IPv4")
	}
	if ip[0].NlMtu < 576 || ip[0].NlMtu > 1440 { // WireGuard takes 60 bytes of 1,500
		wrong = append(wrong, fmt.Sprintf("its MTU is %d, want 576 to 1440", ip[0].NlMtu))
	}
	found := false
	for _, one := range own {
		if one.IPAddress == want {
			found = true
			if !one.AddressState.is(preferred, "Preferred") {
				wrong = append(wrong, "its address has the state "+string(one.AddressState)+", want 4 (preferred)")
			}
		}
	}
	if !found {
		wrong = append(wrong, fmt.Sprintf("its addresses are %v, want %s", own, want))
	}
	return verdict(wrong, "ipconfig-tunnel.txt in the zip", "%s (%s %s): up, %s, MTU %d, metric %d", a.Name, a.InterfaceDescription,
		a.DriverVersionString, want, ip[0].NlMtu, ip[0].InterfaceMetric)
}

type route struct{ DestinationPrefix string }

func (s *suite) routes() result {
	var list []route
	if err := s.shell("routes", `Get-NetRoute -AddressFamily IPv4 -InterfaceIndex `+s.index+` | Select-Object DestinationPrefix`, &list); err != nil {
		return bad("routes.txt", "%v", err)
	}
	var r result
	r, s.takesAll = judgeRoutes(list, s.address)
	return r
}

// judgeRoutes tells what leads into the tunnel, apart from the routes that Windows makes for every interface. All traffic
// takes both halves of IPv4.
func judgeRoutes(list []route, own string) (r result, takesAll bool) {
	halves := 0
	var nets []string
	for _, one := range list {
		p := one.DestinationPrefix
		switch {
		case p == "0.0.0.0/1", p == "128.0.0.0/1":
			halves++
		case p == own+"/32", strings.HasPrefix(p, "224.0.0.0/"), p == "255.255.255.255/32":
			continue
		}
		nets = append(nets, p)
	}
	switch {
	case halves == 1:
		return bad("routes.json in the zip", "only one half of all traffic: %s", strings.Join(nets, ", ")), false
	case len(nets) == 0:
		return bad("routes.json in the zip", "nothing leads into the tunnel"), false
	case halves == 2:
		return good("all traffic: %s", strings.Join(nets, ", ")), true
	}
	return good("some networks, are these the organisation's? %s", strings.Join(nets, ", ")), false
}

// dns looks at both ways in which Windows comes to ask the tunnel's servers.
func (s *suite) dns() result {
	var servers []struct{ Servers string }
	if err := s.shell("dns-servers", `Get-DnsClientServerAddress -AddressFamily IPv4 -InterfaceIndex `+s.index+` | Select-Object @{n='Servers';e={"$($_.ServerAddresses)"}}`, &servers); err != nil {
		return bad("dns-servers.txt", "%v", err)
	}
	var all []string
	for _, one := range servers {
		all = append(all, strings.Fields(one.Servers)...)
	}
	rule := s.registry(keyNameRule, true).key(keyNameRule)
	var policies []namePolicy
	if err := s.shell("name-policies", `Get-DnsClientNrptPolicy -Effective | Select-Object @{n='Names';e={"$($_.Namespace)"}},@{n='Servers';e={"$($_.NameServers)"}}`, &policies); err != nil {
		return bad("name-policies.txt", "%v", err)
	}
	return judgeDNS(all, rule, policies, s.takesAll, s.agent.noticed("dns_outside"))
}

type namePolicy struct{ Names, Servers string }

func judgeDNS(servers []string, rule regKey, policies []namePolicy, takesAll, outside bool) result {
	switch {
	case rule == nil && len(servers) > 0:
		return good("the interface asks %s", strings.Join(servers, ", "))
	case rule == nil && outside:
		return good("the gateway names no servers, and the program says so")
	case rule == nil:
		return bad("the gateway's DNS settings: right only when it names no servers", "neither the interface nor a rule has DNS servers")
	case takesAll:
		return bad(keyNameRule, "there is a rule although all traffic goes into the tunnel")
	}
	want := strings.Split(rule.text("GenericDNSServers"), ";")
	for _, name := range strings.Fields(rule.text("Name")) {
		found := false
		for _, p := range policies {
			found = found || (p.Names == name && strings.Contains(p.Servers, want[0]))
		}
		if !found {
			return bad("name-policies.json in the zip", "the rule for %s is in the registry, and Windows does not follow it: %v", name, policies)
		}
	}
	return good("names under %s are asked at %s", strings.Join(strings.Fields(rule.text("Name")), " "), strings.Join(want, ", "))
}

// profile is what Windows thinks of a network; it shows the globe or the screen in the tray by it.
type profile struct {
	InterfaceAlias   string
	IPv4Connectivity enum
}

func (s *suite) profiles(name string) ([]profile, error) {
	var list []profile
	return list, s.shell(name, `Get-NetConnectionProfile | Select-Object InterfaceAlias,IPv4Connectivity`, &list)
}

// internet tells whether one of the networks leads to the Internet (4), and what each does.
func internet(list []profile) (is bool, seen string) {
	var all []string
	for _, p := range list {
		is = is || p.IPv4Connectivity.is("4", "Internet")
		all = append(all, p.InterfaceAlias+": "+string(p.IPv4Connectivity))
	}
	return is, strings.Join(all, ", ")
}

func (s *suite) saysInternet() result {
	if !s.before.internet {
		return skipped("Windows did not say Internet before the tunnel either")
	}
	var is bool
	var seen string
	s.until(answerTimeout, func() bool {
		profiles, err := s.profiles("profiles")
		if err != nil {
			seen = err.Error()
			return false
		}
		is, seen = internet(profiles)
		return is
	})
	if !is {
		return bad("profiles.json in the zip; the icon in the tray", "Windows says that there is no Internet: %s", seen)
	}
	return good("%s", seen)
}

// quiet: the interface asks nobody by NetBIOS, and tells no DNS server its address.
func (s *suite) quiet() result {
	var list []struct{ RegisterThisConnectionsAddress bool }
	if err := s.shell("dns-client", `Get-DnsClient -InterfaceIndex `+s.index+` | Select-Object RegisterThisConnectionsAddress`, &list); err != nil {
		return bad("dns-client.txt", "%v", err)
	}
	key := keyNetBT + adapterGUID
	const disabled = 2
	var wrong []string
	if n := s.registry(key, true).key(key).number("NetbiosOptions"); n != disabled {
		wrong = append(wrong, fmt.Sprintf("NetbiosOptions is %d, want 2 (off)", n))
	}
	if len(list) != 1 || list[0].RegisterThisConnectionsAddress {
		wrong = append(wrong, "Windows registers its address in DNS")
	}
	return verdict(wrong, key, "both are off")
}

type connection struct {
	LocalAddress, RemoteAddress string
	OwningProcess               int
}

func (s *suite) gatewayOutside() result {
	_, port := splitGateway(s.gateway)
	var list []connection
	if err := s.shell("connections", `Get-NetTCPConnection -State Established -RemotePort `+port+
		` | Select-Object LocalAddress,RemoteAddress,OwningProcess`, &list); err != nil {
		return bad("connections.txt", "%v", err)
	}
	return judgeOutside(list, s.agent.process.Pid, s.address)
}

// judgeOutside: the agent's own connection does not come from the tunnel's address.
func judgeOutside(list []connection, pid int, tunnel string) result {
	for _, c := range list {
		if c.OwningProcess != pid {
			continue
		}
		if c.LocalAddress == tunnel {
			return bad("connections.json in the zip", "the agent reaches its gateway %s through the tunnel", c.RemoteAddress)
		}
		return good("from %s to %s", c.LocalAddress, c.RemoteAddress)
	}
	return bad("connections.json in the zip", "the agent has no connection to its gateway")
}

// Names of the filters that keep traffic from going past the tunnel.
const (
	filterIPv6 = "IPv6 past the tunnel"
	filterDNS  = "DNS past the tunnel"
)

// filters are the names of the agent's filters that Windows has.
func (s *suite) filters(name string) ([]string, error) {
	file := s.file(name + ".xml")
	out := s.ask(name, "netsh.exe", "wfp", "show", "filters", "file="+filepath.Base(file), "verbose=on") // in the current directory
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("netsh wfp, exit code %d: %s", out.code, firstLine(out.text))
	}
	var list []string
	for _, one := range []string{filterIPv6, filterDNS} {
		if strings.Contains(decodeText(b), "<name>"+one+"</name>") {
			list = append(list, one)
		}
	}
	return list, nil
}

func (s *suite) filtersThere() result {
	list, err := s.filters("filters")
	if err != nil {
		return bad("filters.txt", "%v", err)
	}
	if !contains(list, filterIPv6) {
		return bad("filters.xml in the zip", "there is no filter %q", filterIPv6)
	}
	if !contains(list, filterDNS) && !s.agent.noticed("dns_outside") {
		return bad("filters.xml in the zip", "there is no filter %q, and the gateway names DNS servers", filterDNS)
	}
	return good("%s", strings.Join(list, ", "))
}

func (s *suite) foreignDNS() result {
	switch {
	case s.agent.noticed("dns_outside"):
		return skipped("the gateway names no DNS servers, so none are blocked")
	case !s.before.dns:
		return skipped("%s did not answer before the tunnel either", foreignDNS4)
	case answersDNS(foreignDNS4):
		return bad("filters.xml in the zip", "%s answers", foreignDNS4)
	}
	return good("%s answered before and does not now", foreignDNS4)
}

func (s *suite) foreignIPv6() result {
	switch {
	case !s.before.ipv6:
		return skipped("no IPv6 here: %s was not reached before the tunnel either", foreignIPv6)
	case connects(foreignIPv6):
		return bad("filters.xml in the zip", "%s is reached", foreignIPv6)
	}
	return good("%s was reached before and is not now", foreignIPv6)
}

// connects tells whether a TCP connection can be made.
func connects(address string) bool {
	conn, err := net.DialTimeout("tcp", address, probeLimit)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// answersDNS tells whether a DNS server answers a query of ours, whatever it says.
func answersDNS(server string) bool {
	conn, err := net.DialTimeout("udp", server, probeLimit)
	if err != nil {
		return false
	}
	defer conn.Close()
	query := append([]byte{0x1d, 0xec, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, "\x07example\x03com\x00\x00\x01\x00\x01"...)
	if err := conn.SetDeadline(time.Now().Add(probeLimit)); err != nil {
		return false
	}
	if _, err := conn.Write(query); err != nil {
		return false
	}
	n, err := conn.Read(make([]byte, 512))
	return err == nil && n >= 12
}

// afterKill ends the program as a crash does. The DNS rule is the one thing that outlives it, until the service starts.
func (s *suite) afterKill() result {
	a := s.agent
	s.agent = nil
	out := s.ask("taskkill", "taskkill.exe", "/f", "/pid", strconv.Itoa(a.process.Pid))
	if !a.ended(answerTimeout) {
		return bad("taskkill.txt", "taskkill: exit code %d, and the program goes on", out.code)
	}
	s.ask("sc-stop", "sc.exe", "stop", serviceName)
	if !s.until(answerTimeout, func() bool { return s.serviceState() == serviceStopped }) {
		return bad("service.log", "the service does not stop within %v", answerTimeout)
	}
	s.ask("sc-start", "sc.exe", "start", serviceName)
	if r := s.serviceRuns(); r.Status != ok {
		return r
	}
	return s.nothingLeft("kill", "after taskkill and a restart of the service")
}

// afterEnd ends the program as a person does with Ctrl+C.
func (s *suite) afterEnd() result {
	a, err := s.startAgent("ctrl-break", s.password, true, "--tunnel", "tun")
	if err != nil {
		return bad("the files of ctrl-break in the zip", "%v", err)
	}
	defer a.kill()
	e, err := a.wait(s.ctx, stateTunnel, stateError, stateEnded)
	if err != nil || e.State != stateTunnel {
		return bad("the files of ctrl-break in the zip", "no tunnel a second time: %s %s %v", e.Code, e.Message, err)
	}
	if err := pressBreak(a.process); err != nil {
		return skipped("Ctrl+Break cannot be pressed here: %v", err)
	}
	if !a.ended(answerTimeout) {
		return skipped("the program did not hear Ctrl+Break; it was killed")
	}
	return s.nothingLeft("end", "after Ctrl+Break")
}

// nothingLeft: interface, DNS rule and filters are gone. The routes are gone with the interface.
func (s *suite) nothingLeft(name, when string) result {
	var left []string
	s.until(answerTimeout/2, func() bool {
		left = s.leftOfTunnel(name)
		return len(left) == 0
	})
	return verdict(left, "the files of "+name+" in the zip", "%s: no interface, no DNS rule, no filters", when)
}

func (s *suite) leftOfTunnel(name string) []string {
	var left []string
	list, err := s.adapters("adapter-after-" + name)
	switch {
	case err != nil:
		left = append(left, err.Error())
	case len(list) > 0:
		left = append(left, "the interface "+list[0].Name)
	}
	for _, key := range []string{keyNameRule, keyPolicyRule} {
		if s.registry(key, true) != nil {
			left = append(left, "the DNS rule "+key)
		}
	}
	filters, err := s.filters("filters-after-" + name)
	if err != nil {
		left = append(left, err.Error())
	}
	for _, f := range filters {
		left = append(left, "the filter "+f)
	}
	return left
}
