package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"
)

var (
	vpnNeeds    = []*need{needInstalled, needGateway, needLogin, needAccess, needVPN, needShell}
	tunnelNeeds = with(vpnNeeds, needTunnel)
	indexNeeds  = with(tunnelNeeds, needIndex)
)

var tunnelChecks = []check{
	{"tunnel with a network interface", vpnNeeds, (*suite).tunnelUp},
	{"interface", tunnelNeeds, (*suite).interfaceUp},
	{"routes", indexNeeds, (*suite).routes},
	{"DNS", indexNeeds, (*suite).dns},
	{"Windows says Internet", tunnelNeeds, (*suite).saysInternet},
	{"LLMNR, NetBIOS and DNS registration are off", indexNeeds, (*suite).noRegistration},
	{"page in the tunnel", tunnelNeeds, func(s *suite) result { return s.page(s.inside, &http.Transport{}) }},
	{"page behind the gateway", with(tunnelNeeds, needURL), func(s *suite) result { return s.page(s.url, &http.Transport{}) }},
	{"gateway stays outside the tunnel", tunnelNeeds, (*suite).gatewayOutside},
	{"filters", with(tunnelNeeds, needTakesAll), (*suite).filtersExist},
	{"DNS past the tunnel is blocked", with(tunnelNeeds, needTakesAll), (*suite).dnsBlocked},
	{"IPv6 past the tunnel is blocked", with(tunnelNeeds, needTakesAll), (*suite).ipv6Blocked},
	{"nothing stays after a kill", tunnelNeeds, (*suite).afterKill},
	{"nothing stays after Ctrl+Break", with(vpnNeeds, needTunnelWasUp), (*suite).afterBreak},
}

func with(needs []*need, more *need) []*need { return append(append([]*need{}, needs...), more) }

// Addresses of a public DNS service (Quad9) that must not be reached past a tunnel that takes all traffic.
const (
	publicDNS  = "9.9.9.9"
	publicIPv6 = "[2620:fe::fe]:443"
	probeLimit = 5 * time.Second
)

// reachable says which hosts were reached before the tunnel came up. The others are not tried during the tunnel.
type reachable struct{ dns, ipv6, internet bool }

func (s *suite) tunnelUp() result {
	s.proxied.kill()
	s.before = reachable{dns: answersDNS(net.JoinHostPort(publicDNS, "53")), ipv6: connects(publicIPv6)}
	if profiles, err := s.profiles("profiles-before"); err == nil {
		s.before.internet, _ = internet(profiles)
	}
	a, err := s.startAgent("tunnel", s.password, false, "--tunnel", "tun")
	if err != nil {
		return failed(agentFiles("tunnel"), "%v", err)
	}
	e, err := a.waitFor(s.ctx, stateTunnel)
	if err != nil {
		a.kill()
		return failed(agentFiles("tunnel"), "%v", err)
	}
	s.agent, s.address = a, e.Address
	return ok("up, address %s", e.Address)
}

// adapter is the tunnel's interface as Windows sees it.
type adapter struct {
	Name, InterfaceDescription string
	InterfaceIndex             int `json:"ifIndex"`
	InterfaceOperationalStatus int
	DriverVersionString        string
}

// adapters returns the interfaces with the agent's GUID, hidden ones included. There should be one at most.
func (s *suite) adapters(name string) ([]adapter, error) {
	var list []adapter
	err := s.shell(name, `Get-NetAdapter -IncludeHidden | Where-Object {$_.InterfaceGuid -eq `+quoteShell(adapterGUID)+
		`} | Select-Object Name,InterfaceDescription,ifIndex,InterfaceOperationalStatus,DriverVersionString`, &list)
	return list, err
}

// settings are IPv4 settings of an interface.
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
		return failed("Device Manager, Network adapters; adapter.json in the zip", "%d interfaces of the agent, want one (error: %v)", len(list), err)
	}
	s.index = strconv.Itoa(list[0].InterfaceIndex)
	var ipv4 []settings
	var own []address
	if err := s.shell("ip-interface", `Get-NetIPInterface -AddressFamily IPv4 -InterfaceIndex `+s.index+
		` | Select-Object NlMtu,InterfaceMetric`, &ipv4); err != nil {
		return failed("ip-interface.txt in the zip", "%v", err)
	}
	if err := s.shell("ip-address", `Get-NetIPAddress -AddressFamily IPv4 -InterfaceIndex `+s.index+` | Select-Object IPAddress,AddressState`, &own); err != nil {
		return failed("ip-address.txt in the zip", "%v", err)
	}
	s.runTool("ipconfig-tunnel", "ipconfig.exe", "/all")
	s.runTool("route-tunnel", "route.exe", "print")
	return judgeInterface(list[0], ipv4, own, s.address)
}

func judgeInterface(a adapter, ipv4 []settings, own []address, want string) result {
	const up, preferred = 1, "4"
	var wrong []string
	if a.InterfaceOperationalStatus != up {
		wrong = append(wrong, fmt.Sprintf("its state is %d, want 1 (up)", a.InterfaceOperationalStatus))
	}
	if len(ipv4) != 1 {
		return failed("ip-interface.json in the zip", "it has no IPv4")
	}
	if ipv4[0].NlMtu < 576 || ipv4[0].NlMtu > 1440 { // WireGuard over IPv4 needs 60 of 1,500 bytes
		wrong = append(wrong, fmt.Sprintf("its MTU is %d, want 576 to 1440", ipv4[0].NlMtu))
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
	return okUnless(wrong, "ipconfig-tunnel.txt in the zip", "%s (%s %s): up, %s, MTU %d, metric %d", a.Name, a.InterfaceDescription,
		a.DriverVersionString, want, ipv4[0].NlMtu, ipv4[0].InterfaceMetric)
}

type route struct{ DestinationPrefix string }

func (s *suite) routes() result {
	var list []route
	if err := s.shell("routes", `Get-NetRoute -AddressFamily IPv4 -InterfaceIndex `+s.index+` | Select-Object DestinationPrefix`, &list); err != nil {
		return failed("routes.txt in the zip", "%v", err)
	}
	var r result
	r, s.takesAll = judgeRoutes(list, s.address)
	return r
}

// judgeRoutes judges the routes into the tunnel, without those that Windows makes for every interface. For all traffic the
// agent makes three: the two halves of IPv4, and 0.0.0.0/0, without which Windows says that there is no Internet (see
// planRoutesWindows in agent/client/tunnel). takesAll is true when any of the three exists.
func judgeRoutes(list []route, own string) (r result, takesAll bool) {
	missing := map[string]bool{"0.0.0.0/0": true, "0.0.0.0/1": true, "128.0.0.0/1": true}
	var nets []string
	for _, one := range list {
		p := one.DestinationPrefix
		switch {
		case missing[p]:
			takesAll = true
			delete(missing, p)
		case p == own+"/32", strings.HasPrefix(p, "224.0.0.0/"), p == "255.255.255.255/32":
			continue
		}
		nets = append(nets, p)
	}
	switch {
	case len(nets) == 0:
		return failed("routes.json in the zip", "no route leads into the tunnel"), false
	case !takesAll:
		return ok("some networks; check that these are the organisation's: %s", strings.Join(nets, ", ")), false
	case len(missing) > 0:
		return failed("routes.json in the zip", "for all traffic there must also be %s; there are %s", strings.Join(sortedKeys(missing), " and "),
			strings.Join(nets, ", ")), true
	}
	return ok("all traffic: %s", strings.Join(nets, ", ")), true
}

func sortedKeys(set map[string]bool) []string {
	var list []string
	for key := range set {
		list = append(list, key)
	}
	sort.Strings(list)
	return list
}

// dns reads the tunnel's DNS settings in three places: the interface, the agent's rule in the registry, and the
// rules that Windows follows.
func (s *suite) dns() result {
	var servers []struct{ Servers string }
	if err := s.shell("dns-servers", `Get-DnsClientServerAddress -AddressFamily IPv4 -InterfaceIndex `+s.index+` | Select-Object @{n='Servers';e={"$($_.ServerAddresses)"}}`, &servers); err != nil {
		return failed("dns-servers.txt in the zip", "%v", err)
	}
	s.dnsServers = nil
	for _, one := range servers {
		s.dnsServers = append(s.dnsServers, strings.Fields(one.Servers)...)
	}
	rule := s.registry(keyNameRule, true).key(keyNameRule)
	var policies []namePolicy
	if err := s.shell("name-policies", `Get-DnsClientNrptPolicy -Effective | Select-Object @{n='Names';e={"$($_.Namespace)"}},@{n='Servers';e={"$($_.NameServers)"}}`, &policies); err != nil {
		return failed("name-policies.txt in the zip", "%v", err)
	}
	return judgeDNS(s.dnsServers, rule, policies, s.takesAll, s.agent.hasNotice("dns_outside"))
}

// namePolicy is a rule that Windows follows. Several names or servers are separated by spaces.
type namePolicy struct{ Names, Servers string }

// allNames is the name in a rule for all names.
const allNames = "."

// judgeDNS judges the tunnel's DNS settings. Where the gateway names servers the agent always makes a rule: for all names
// when all traffic goes into the tunnel or the gateway names no suffixes, otherwise for the names under the suffixes. In
// the first case the interface has the same servers, in the second none (see nrptNames and interfaceServers in
// agent/client/tunnel). noServers is the agent's notice that the gateway names no servers for a tunnel of all traffic.
func judgeDNS(own []string, rule regKey, policies []namePolicy, takesAll, noServers bool) result {
	if rule == nil {
		switch {
		case len(own) > 0:
			return failed(keyNameRule, "the interface has the DNS servers %s, but there is no rule", strings.Join(own, ", "))
		case noServers:
			return ok("the gateway names no DNS servers, and the program says so")
		case takesAll:
			return failed(keyNameRule, "there is no DNS server and no rule, and the program does not say that the gateway names none")
		}
		return notTried("there is no DNS server and no rule, which is right only when the gateway names no DNS servers")
	}
	names := strings.Fields(rule.text("Name"))
	servers := strings.Split(rule.text("GenericDNSServers"), ";")
	isForAll := len(names) == 1 && names[0] == allNames
	switch {
	case len(names) == 0 || !isForAll && contains(names, allNames):
		return failed(keyNameRule, "the rule is for the names %q", names)
	case takesAll && !isForAll:
		return failed(keyNameRule, "all traffic goes into the tunnel, but the rule is only for names under %s", strings.Join(names, ", "))
	case isForAll && strings.Join(own, ";") != strings.Join(servers, ";"):
		return failed("dns-servers.json in the zip", "the rule for all names has the servers %v, the interface has %v", servers, own)
	case !isForAll && len(own) > 0:
		return failed("dns-servers.json in the zip", "the rule is only for names under %s, but the interface has the servers %v for all names",
			strings.Join(names, ", "), own)
	}
	for _, name := range names {
		if !usesServer(policies, name, servers[0]) {
			return failed("name-policies.json in the zip", "the rule for %s is in the registry, but Windows does not follow it: %v", name, policies)
		}
	}
	if isForAll {
		return ok("all names are asked at %s", strings.Join(servers, ", "))
	}
	return ok("names under %s are asked at %s", strings.Join(names, ", "), strings.Join(servers, ", "))
}

// usesServer reports whether Windows asks the server for the name.
func usesServer(policies []namePolicy, name, server string) bool {
	for _, p := range policies {
		if contains(strings.Fields(p.Names), name) && contains(strings.Fields(p.Servers), server) {
			return true
		}
	}
	return false
}

// profile is Windows' status of a network, which the network icon in the tray shows.
type profile struct {
	InterfaceAlias   string
	IPv4Connectivity enum
}

func (s *suite) profiles(name string) ([]profile, error) {
	var list []profile
	return list, s.shell(name, `Get-NetConnectionProfile | Select-Object InterfaceAlias,IPv4Connectivity`, &list)
}

// internet reports whether one of the networks leads to the Internet (4). seen lists the value of each.
func internet(list []profile) (connected bool, seen string) {
	var all []string
	for _, p := range list {
		connected = connected || p.IPv4Connectivity.is("4", "Internet")
		all = append(all, p.InterfaceAlias+": "+string(p.IPv4Connectivity))
	}
	return connected, strings.Join(all, ", ")
}

func (s *suite) saysInternet() result {
	if !s.before.internet {
		return notTried("Windows said before the tunnel, too, that there is no Internet")
	}
	var connected bool
	var seen string
	s.until(answerTimeout, func() bool {
		profiles, err := s.profiles("profiles")
		if err != nil {
			seen = err.Error()
			return false
		}
		connected, seen = internet(profiles)
		return connected
	})
	if !connected {
		return failed("profiles.json in the zip; the network icon in the tray", "Windows says that there is no Internet: %s", seen)
	}
	return ok("%s", seen)
}

// noRegistration checks that Windows sends no LLMNR and NetBIOS queries over the interface and does not register its address.
func (s *suite) noRegistration() result {
	var list []struct{ RegisterThisConnectionsAddress bool }
	if err := s.shell("dns-client", `Get-DnsClient -InterfaceIndex `+s.index+` | Select-Object RegisterThisConnectionsAddress`, &list); err != nil {
		return failed("dns-client.txt in the zip", "%v", err)
	}
	key := func(interfaces string) regKey {
		return s.registry(interfaces+adapterGUID, true).key(interfaces + adapterGUID)
	}
	registers := len(list) != 1 || list[0].RegisterThisConnectionsAddress
	return judgeNoRegistration(key(keyTcpip), key(keyTcpip6), key(keyNetBT), registers)
}

// judgeNoRegistration judges the values of noRegistrationValues in agent/client/tunnel: LLMNR is off for both versions of IP,
// and NetBIOS is off. registers reports whether Windows registers the interface's address in DNS.
func judgeNoRegistration(ipv4, ipv6, netBT regKey, registers bool) result {
	const llmnr, netbios, netbiosOff = "EnableMulticast", "NetbiosOptions", 2
	var wrong []string
	for name, key := range map[string]regKey{"Tcpip": ipv4, "Tcpip6": ipv6} {
		switch {
		case !key.has(llmnr):
			wrong = append(wrong, fmt.Sprintf("%s (LLMNR) is not set in %s, want 0", llmnr, name))
		case key.number(llmnr) != 0:
			wrong = append(wrong, fmt.Sprintf("%s (LLMNR) is %d in %s, want 0", llmnr, key.number(llmnr), name))
		}
	}
	if n := netBT.number(netbios); n != netbiosOff {
		wrong = append(wrong, fmt.Sprintf("%s is %d, want 2 (off)", netbios, n))
	}
	if registers {
		wrong = append(wrong, "Windows registers the interface's address in DNS")
	}
	sort.Strings(wrong)
	return okUnless(wrong, "the registry keys of the interface "+adapterGUID+" in the zip", "all are off")
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
		return failed("connections.txt in the zip", "%v", err)
	}
	return judgeOutside(list, s.agent.process.Pid, s.address)
}

// judgeOutside is ok when the agent has a connection that does not come from the tunnel's address.
func judgeOutside(list []connection, pid int, tunnel string) result {
	for _, c := range list {
		if c.OwningProcess != pid {
			continue
		}
		if c.LocalAddress == tunnel {
			return failed("connections.json in the zip", "the agent's connection to its gateway %s goes through the tunnel", c.RemoteAddress)
		}
		return ok("from %s to %s", c.LocalAddress, c.RemoteAddress)
	}
	return failed("connections.json in the zip", "the agent has no connection to its gateway")
}

// Names of the agent's filters that block traffic past the tunnel.
const (
	filterIPv6 = "IPv6 past the tunnel"
	filterDNS  = "DNS past the tunnel"
)

// filters returns which of these filters Windows has.
func (s *suite) filters(name string) ([]string, error) {
	file := s.file(name + ".xml")
	out := s.runTool(name, "netsh.exe", "wfp", "show", "filters", "file="+filepath.Base(file), "verbose=on") // the file is relative to the directory of c.work
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

func (s *suite) filtersExist() result {
	list, err := s.filters("filters")
	if err != nil {
		return failed("filters.txt in the zip", "%v", err)
	}
	if !contains(list, filterIPv6) {
		return failed("filters.xml in the zip", "there is no filter %q", filterIPv6)
	}
	if !contains(list, filterDNS) && !s.agent.hasNotice("dns_outside") {
		return failed("filters.xml in the zip", "there is no filter %q, although the gateway names DNS servers", filterDNS)
	}
	return ok("%s", strings.Join(list, ", "))
}

func (s *suite) dnsBlocked() result {
	switch {
	case s.agent.hasNotice("dns_outside"):
		return notTried("the gateway names no DNS servers, so none are blocked")
	case contains(s.dnsServers, publicDNS):
		return notTried("%s is a DNS server of the tunnel", publicDNS)
	case !s.before.dns:
		return notTried("%s did not answer before the tunnel, either", publicDNS)
	case answersDNS(net.JoinHostPort(publicDNS, "53")):
		return failed("filters.xml in the zip", "%s answers, although it is no DNS server of the tunnel", publicDNS)
	}
	return ok("%s answered before the tunnel and does not now", publicDNS)
}

func (s *suite) ipv6Blocked() result {
	switch {
	case !s.before.ipv6:
		return notTried("no IPv6 here: %s was not reached before the tunnel, either", publicIPv6)
	case connects(publicIPv6):
		return failed("filters.xml in the zip", "%s is reached past the tunnel", publicIPv6)
	}
	return ok("%s was reached before the tunnel and is not now", publicIPv6)
}

// connects reports whether a TCP connection can be made.
func connects(address string) bool {
	conn, err := net.DialTimeout("tcp", address, probeLimit)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// answersDNS reports whether a DNS server answers a query. Any answer will do.
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

// afterKill ends the program as a crash does, and restarts the service. Only the DNS rule outlives the program; the service
// removes it when it starts.
func (s *suite) afterKill() result {
	a := s.agent
	s.agent = nil
	out := s.runTool("taskkill", "taskkill.exe", "/f", "/pid", strconv.Itoa(a.process.Pid))
	if !a.ended(answerTimeout) {
		return failed("taskkill.txt in the zip", "the exit code of taskkill is %d, and the program still runs", out.code)
	}
	s.runTool("sc-stop", "sc.exe", "stop", serviceName)
	if !s.until(answerTimeout, func() bool { return s.serviceState() == serviceStopped }) {
		return failed("service.log in the zip", "the service does not stop within %v", answerTimeout)
	}
	s.runTool("sc-start", "sc.exe", "start", serviceName)
	if r := s.serviceRuns(); r.Status != statusOK {
		return r
	}
	return s.nothingLeft("kill", "after taskkill and a restart of the service")
}

// afterBreak ends the program with Ctrl+Break, as a person does in a console. Ctrl+C cannot be sent to a single program
// (GenerateConsoleCtrlEvent in Microsoft's documentation).
func (s *suite) afterBreak() result {
	a, err := s.startAgent("ctrl-break", s.password, true, "--tunnel", "tun")
	if err != nil {
		return failed("ctrl-break-events.txt in the zip", "%v", err)
	}
	defer a.kill()
	if _, err := a.waitFor(s.ctx, stateTunnel); err != nil {
		return failed("ctrl-break-events.txt in the zip", "the tunnel did not come up again: %v", err)
	}
	if err := sendBreak(a.process); err != nil {
		return notTried("Ctrl+Break cannot be sent here: %v", err)
	}
	if !a.ended(answerTimeout) {
		return failed("ctrl-break-events.txt in the zip", "the program does not end within %v after Ctrl+Break", answerTimeout)
	}
	return s.nothingLeft("break", "after Ctrl+Break")
}

// nothingLeft waits until interface, DNS rule and filters are removed. The routes disappear with the interface.
func (s *suite) nothingLeft(name, when string) result {
	var left []string
	s.until(answerTimeout/2, func() bool {
		left = s.leftOfTunnel(name)
		return len(left) == 0
	})
	return okUnless(left, "the files *-after-"+name+" in the zip", "%s: no interface, no DNS rule, no filters", when)
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
