package tunnel

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.zx2c4.com/wireguard/conn"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/needs"
)

// elsewhere is an address behind the default route.
var elsewhere = netip.MustParseAddr("198.51.100.1")

// interfaceToElsewhere skips the test on a computer without a network.
func interfaceToElsewhere(t *testing.T) iface {
	t.Helper()
	out, ok, err := readOutboundInterface(elsewhere, 0)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		needs.Skip(t, "this test needs a network with a default route")
	}
	return out
}

func TestReadTables(t *testing.T) {
	out := interfaceToElsewhere(t)
	if out.Index == 0 || out.Name == "" || !out.Up {
		t.Errorf("%+v", out)
	}
	read, err := readTables(windows.AF_INET)
	if err != nil {
		t.Fatal(err)
	}
	local := localNetworks(read.addresses, read.routes, read.ifaces, 0)
	for _, l := range local {
		t.Logf("%+v", l)
		for _, a := range l.Own {
			if !l.Net.Contains(a) {
				t.Errorf("%s is not in %s", a, l.Net)
			}
		}
	}
	if len(local) == 0 {
		t.Errorf("no network: addresses %v, interfaces %+v", read.addresses, read.ifaces)
	}
	if without, ok := outboundInterface(elsewhere, read.routes, read.ifaces, out.ID); ok && without.ID == out.ID {
		t.Error("the interface that was left out")
	}
}

func TestDialControl(t *testing.T) {
	out := interfaceToElsewhere(t)
	var dialer net.Dialer
	dialer.Control = New(Config{Mode: Auto}).DialControl
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := dialer.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	c, err = dialer.Dial("udp", netip.AddrPortFrom(elsewhere, 9).String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := c.(*net.UDPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := bindSocket(elsewhere, 0, raw); err != nil {
		t.Errorf("interface %+v: %v", out, err)
	}
}

func TestSocketBinding(t *testing.T) {
	interfaceToElsewhere(t)
	bind := conn.NewDefaultBind()
	if _, _, err := bind.Open(0); err != nil {
		t.Fatal(err)
	}
	defer bind.Close()
	var log []string
	b, err := newSocketBinding(bind, client.TunnelSetup{Endpoint: netip.AddrPortFrom(elsewhere, 3051)}, 0, func(text string) { log = append(log, text) })
	if err != nil {
		t.Fatal(err)
	}
	if err := b.rebind(); err != nil || len(log) != 1 {
		t.Errorf("%q %v", log, err)
	}
}

func TestWatchRoutes(t *testing.T) {
	c, err := watchRoutes()
	if err != nil {
		t.Fatal(err)
	}
	called := make(chan struct{}, 1)
	c.start(func() { called <- struct{}{} })
	c.signal()
	<-called
	c.stop()
}

// The library is missing, or another file has its name.
func TestLoadWintun(t *testing.T) {
	problem := &client.TunnelProblem{}
	err := permittedTUN()
	if !errors.As(err, &problem) || permittedChanges() == nil && problem.Key != locale.TunnelNoWintun {
		t.Errorf("without the library: %v", err)
	}
	dir, err := os.MkdirTemp("", "wintun")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, wintunName)
	if err := os.WriteFile(path, []byte("MZ"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := openLocked(path)
	if err != nil {
		t.Fatal(err)
	}
	defer windows.CloseHandle(file)
	if err := loadChecked(path, file); err == nil {
		t.Error("another library is loaded")
	}
	if err := os.WriteFile(path, []byte("other"), 0o600); err == nil {
		t.Error("the file can be written to")
	}
	if err := os.Rename(path, path+".old"); err == nil {
		t.Error("the file can be renamed")
	}
}

// needAdministrator skips the test where it may not or must not change the computer.
func needAdministrator(t *testing.T) {
	t.Helper()
	if permittedChanges() != nil || inUse() {
		needs.Skip(t, "this test needs an administrator, and no agent that runs")
	}
}

// The rule replaces a permanent one, which earlier versions wrote. Its key is volatile: Windows creates no permanent key
// below it.
func TestWriteNRPT(t *testing.T) {
	needAdministrator(t)
	path := nrptLocal + `\` + nrptRule
	old, _, err := registry.CreateKey(registry.LOCAL_MACHINE, path, registry.SET_VALUE)
	if err != nil {
		t.Fatal(err)
	}
	if err := old.SetStringValue("Comment", "old"); err != nil {
		t.Error(err)
	}
	old.Close()
	s := client.TunnelSetup{Nets: prefixes("192.0.2.0/24"), DNS: addrs("192.0.2.53"), Suffixes: []string{"company.test"}}
	policy, err := writeNRPT(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := applyNRPT(policy); err != nil {
		t.Error(err)
	}
	if nrptNeedsRewrite() {
		t.Error("the rule is missing")
	}
	checkValues(t, nrptValues(s, policy))
	if key, err := registry.OpenKey(registry.LOCAL_MACHINE, path, registry.QUERY_VALUE); err != nil {
		t.Error(err)
	} else {
		if _, _, err := key.GetStringValue("Comment"); err == nil {
			t.Error("the old key still exists")
		}
		key.Close()
	}
	if key, _, err := registry.CreateKey(registry.LOCAL_MACHINE, path+`\below`, registry.QUERY_VALUE); !errors.Is(err, windows.ERROR_CHILD_MUST_BE_VOLATILE) {
		t.Errorf("the key is permanent: %v", err)
		key.Close()
	}
	if err := cleanUp(""); err != nil {
		t.Fatal(err)
	}
	for _, key := range nrptKeys(true) {
		if keyExists(key + `\` + nrptRule) {
			t.Errorf("the rule is left in %s", key)
		}
	}
	if !nrptNeedsRewrite() {
		t.Error("the missing rule was not noticed")
	}
}

// When group policy creates a table later, the rule is written there too. removeNRPT deletes the table if that is empty then.
func TestNRPTOfPolicy(t *testing.T) {
	needAdministrator(t)
	if keyExists(nrptPolicy) {
		needs.Skip(t, "this test needs a computer without a policy for names")
	}
	s := client.TunnelSetup{Nets: prefixes("192.0.2.0/24"), DNS: addrs("192.0.2.53")}
	if _, err := writeNRPT(s); err != nil {
		t.Fatal(err)
	}
	table, _, err := registry.CreateKey(registry.LOCAL_MACHINE, nrptPolicy, registry.SET_VALUE)
	if err != nil {
		t.Fatal(err)
	}
	table.Close()
	if !nrptNeedsRewrite() {
		t.Error("the new table was not noticed")
	}
	if policy, err := writeNRPT(s); !policy || err != nil {
		t.Errorf("%v %v", policy, err)
	}
	if nrptNeedsRewrite() {
		t.Error("the rule is missing")
	}
	checkValues(t, nrptValues(s, true))
	if err := removeNRPT(); err != nil && procRefreshPolicyEx.Find() == nil { // Wine cannot apply policy
		t.Error(err)
	}
	if keyExists(nrptPolicy) {
		t.Error("the empty table is left")
	}
}

func TestSettingsOfInterface(t *testing.T) {
	needAdministrator(t)
	guid := windows.GUID{Data1: 0x1dec0, Data4: [8]byte{14, 7, 6, 5}} // of no interface
	if err := writeValues(noRegistrationValues(guid.String())); err != nil {
		t.Fatal(err)
	}
	servers := serverValues(guid.String(), addrs("192.0.2.53", "192.0.2.54"), []string{"company.test"})
	if err := writeValues(servers); err != nil {
		t.Fatal(err)
	}
	notifyDNSClient()
	checkValues(t, append(noRegistrationValues(guid.String()), servers...))
	for _, path := range []string{tcpip4Interfaces, tcpip6Interfaces, netBTInterfaces} {
		if err := registry.DeleteKey(registry.LOCAL_MACHINE, path+guid.String()); err != nil {
			t.Error(err)
		}
	}
}

func checkValues(t *testing.T, want []value) {
	t.Helper()
	for _, v := range want {
		key, err := registry.OpenKey(registry.LOCAL_MACHINE, v.Path, registry.QUERY_VALUE)
		if err != nil {
			t.Errorf("%s: %v", v.Path, err)
			continue
		}
		got := value{Path: v.Path, Name: v.Name}
		switch v.Data.(type) {
		case uint32:
			var n uint64
			n, _, err = key.GetIntegerValue(v.Name)
			got.Data = uint32(n)
		case string:
			got.Data, _, err = key.GetStringValue(v.Name)
		case []string:
			got.Data, _, err = key.GetStringsValue(v.Name)
		}
		key.Close()
		if err != nil || !reflect.DeepEqual(got, v) {
			t.Errorf("%+v %v, want %+v", got, err, v)
		}
	}
}

func TestWatchPolicy(t *testing.T) {
	applied := make(chan struct{}, 1)
	w, err := watchPolicy(func() { applied <- struct{}{} }, func(text string) { t.Error(text) })
	if err != nil && windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil {
		needs.Lacking(t, needs.Wine, "notifications of group policy: "+err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := windows.SetEvent(w.applied); err != nil {
		t.Fatal(err)
	}
	<-applied
	w.stop()
}

// The MTU of a path is at most that of its interface.
func TestPathMTU(t *testing.T) {
	out := interfaceToElsewhere(t)
	p := path{to: netip.AddrPortFrom(elsewhere, 9), control: New(Config{Mode: Auto}).DialControl}
	known, err := p.knownMTU()
	if err != nil || known < minMTU || known > int(out.MTU) {
		t.Errorf("interface %+v, path %d, %v", out, known, err)
	}
	if measured, err := p.measureMTU(context.Background(), known-1); err != nil || measured > known-1 {
		t.Errorf("measured %d, %v", measured, err)
	}
}
