package web

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestNameServers: the servers of resolv.conf, or those of a resolver on this machine that forwards to them.
func TestNameServers(t *testing.T) {
	dir := t.TempDir()
	conf, behind := filepath.Join(dir, "resolv.conf"), filepath.Join(dir, "behind.conf")
	for what, c := range map[string]struct {
		conf, behind string
		want         []netip.Addr
	}{
		"none":                    {"", "nameserver 192.0.2.1\n", nil},
		"remote ones":             {"# by hand\nsearch company.ru\nnameserver 192.0.2.1 \n\tnameserver 2001:db8::53\nnameserver 192.0.2.1\n", "nameserver 192.0.2.9\n", addrs("192.0.2.1", "2001:db8::53")},
		"a forwarder":             {"nameserver 127.0.0.53\noptions edns0\n", "nameserver 192.0.2.9\nnameserver ::1\n", addrs("192.0.2.9")},
		"an own resolver":         {"nameserver ::1\nnameserver 0.0.0.0\n", "", nil},
		"a forwarder and another": {"nameserver 127.0.0.1\nnameserver 192.0.2.1\n", "nameserver 192.0.2.9\n", addrs("192.0.2.1")},
		"mistakes":                {"nameserver\nnameserver dns.company.ru\nnameservers 192.0.2.2\nnameserver 192.0.2.1 # the first\n", "", addrs("192.0.2.1")},
		"mapped":                  {"nameserver ::ffff:192.0.2.1\n", "", addrs("192.0.2.1")},
	} {
		for path, text := range map[string]string{conf: c.conf, behind: c.behind} {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := nameServers(conf, behind); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", what, got, c.want)
		}
	}
	var long []byte
	for n := range 100 {
		long = fmt.Appendf(long, "nameserver 192.0.2.%d\n", n)
	}
	if err := os.WriteFile(conf, long, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := nameServers(conf, behind); len(got) != maxNameServers {
		t.Errorf("%d servers", len(got))
	}
	if got := nameServers(filepath.Join(dir, "no file"), behind); got != nil {
		t.Errorf("without a file: %v", got)
	}
}

// TestUDPListeners reads files as the kernel of a little-endian machine writes them.
func TestUDPListeners(t *testing.T) {
	const head = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"
	for what, c := range map[string]struct {
		lines string
		want  []netip.Addr
	}{
		"nothing":       {"", nil},
		"an address":    {"  10: 0107A8C0:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0\n", addrs("192.168.7.1")},
		"all addresses": {"  10: 00000000:0035 00000000:0000 07 00000000:00000000\n", addrs("0.0.0.0")},
		"a forwarder":   {"  10: 3500007F:0035 00000000:0000 07 00000000:00000000\n", nil},
		"another port":  {"  10: 0107A8C0:0043 00000000:0000 07 00000000:00000000\n", nil},
		"connected":     {"  10: 0107A8C0:0035 350200C0:0035 01 00000000:00000000\n", nil},
		"IPv6":          {"  10: B80D0120000000000000000001000000:0035 00000000000000000000000000000000:0000 07\n", addrs("2001:db8::1")},
		"all of IPv6":   {"  10: 00000000000000000000000000000000:0035 00000000000000000000000000000000:0000 07\n", addrs("::")},
		"loopback":      {"  10: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 07\n", nil},
		"broken":        {"  10: 0107A8:0035 00000000:0000 07\n  11: xyz 0\n  12: 0107A8C0 00000000:0000\n", nil},
		"several":       {"  10: 0107A8C0:0035 00000000:0000 07\n  11: 0108A8C0:0035 00000000:0000 07\n", addrs("192.168.7.1", "192.168.8.1")},
	} {
		path := filepath.Join(t.TempDir(), "udp")
		if err := os.WriteFile(path, []byte(head+c.lines), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := udpListeners(path, 53); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", what, got, c.want)
		}
	}
}
