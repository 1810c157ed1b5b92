//go:build acme

package e2e

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"ideco-agent/agent/needs"
	"ideco-agent/agent/netlab"
	"ideco-agent/web/e2e/acmelab"
)

// publicNetwork has a gateway with a public address, a host in its LAN, and the Internet with a CA. Its DNS server has the address
// of a public resolver and is also the gateway's own. The CA looks for challenges at the real ports 80 and 443.
var publicNetwork = netlab.Network{Places: []string{"gw", "lan", "net"}, Script: `
mkdir -p /etc/netns/$P-gw; echo nameserver ` + publicDNS.String() + ` >/etc/netns/$P-gw/resolv.conf
join gw lan0 lan eth0; join gw wan0 net eth0
at gw addr add 10.77.1.1/24 dev lan0; at gw addr add ` + publicGateway.String() + `/24 dev wan0
at gw route add default via 203.0.113.2
at lan addr add ` + lanHost.String() + `/24 dev eth0; at lan route add default via 10.77.1.1
at net addr add 203.0.113.2/24 dev eth0; at net addr add ` + publicDNS.String() + `/32 dev lo
`}

var (
	publicGateway = netip.MustParseAddr("203.0.113.20")
	publicDNS     = netip.MustParseAddr("8.8.8.8")
	lanHost       = netip.MustParseAddr("10.77.1.10")
)

// inPublic runs the body of a test in the gateway of publicNetwork. The CA resolves acmeName to the gateway.
func inPublic(t *testing.T, body func(*testing.T, *netlab.Lab, *acmelab.CA)) {
	needs.Program(t, "nft", "nftables")
	publicNetwork.Enter(t, func(t *testing.T, l *netlab.Lab) {
		ca := acmelab.Start(t, acmelab.Options{Address: publicDNS, Command: func(program string, args ...string) *exec.Cmd {
			return l.Command(context.Background(), "net", program, args...)
		}})
		ca.Resolve(acmeName, publicGateway.String())
		body(t, l, ca)
	})
}

// startPublic starts a gateway that listens at these addresses.
func startPublic(t *testing.T, ca *acmelab.CA, portal, web, firewall string) *ordering {
	t.Helper()
	o := &ordering{ca: ca, gateway: &gateway{t: t, data: filepath.Join(t.TempDir(), "data"), flags: []string{"--tunnel", "off", "--firewall", firewall}}}
	o.start(portal, ":14765", web)
	t.Cleanup(func() {
		o.kill(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("log of the gateway:\n%s", o.log)
		}
	})
	o.where = listening{Portal: []string{"127.0.0.1" + portal}, Agents: []string{"127.0.0.1:14765"}, HTTP: []string{web}}
	o.prepare()
	return o
}

// TestACMEALPN: tls-alpn-01 is tried after http-01, and only where port 443 of the name leads to the gateway. Elsewhere the CA sees
// no attempt.
func TestACMEALPN(t *testing.T) {
	inPublic(t, func(t *testing.T, _ *netlab.Lab, ca *acmelab.CA) {
		const closed = "127.0.0.1:80"
		for _, c := range []struct {
			name        string
			portal, web string
			other       bool // another server has port 443
			state       string
			http, alpn  int
		}{
			{"both ports", ":443", ":80", false, "done", 1, 0},
			{"443 alone", ":443", closed, false, "done", 1, 1},
			{"neither", ":8443", closed, false, "failed", 1, 0},
			{"443 of another server", ":8443", closed, true, "failed", 1, 0},
			{"80, and 443 of another server", ":8443", ":80", true, "done", 1, 0},
		} {
			t.Run(c.name, func(t *testing.T) {
				if c.other {
					ln, err := net.Listen("tcp", ":443")
					if err != nil {
						t.Fatal(err)
					}
					other := httptest.NewUnstartedServer(http.NotFoundHandler())
					other.Listener.Close()
					other.Listener = ln
					other.StartTLS()
					t.Cleanup(other.Close)
				}
				web, alpn := ca.Validations()
				o := startPublic(t, ca, c.portal, c.web, "off")
				o.admin.must("PUT", acmePath, o.fields(nil), nil)
				now := o.settles(c.state)
				if c.state == "failed" && (now.Error == nil || now.Error.Code != "connection") {
					t.Errorf("the error is %+v", now.Error)
				} else if c.state == "failed" {
					var found []string
					for _, check := range now.Error.Checks {
						found = append(found, check.Check+" "+check.State)
					}
					if !slices.Equal(found, []string{"gateway_dns ok", "port_80_silent skipped"}) {
						t.Errorf("the gateway found out %q", found)
					}
				}
				o.validated(c.name, web+c.http, alpn+c.alpn)
				issuer := byOwn
				if c.state == "done" {
					issuer = byCA
				}
				o.serves(c.name, issuer)
			})
		}
	})
}

// TestACMECaptivePage: a CA's question is answered for everybody while a challenge waits, also for LAN hosts that get the captive page
// for everything else.
func TestACMECaptivePage(t *testing.T) {
	inPublic(t, func(t *testing.T, l *netlab.Lab, ca *acmelab.CA) {
		o := startPublic(t, ca, ":8443", ":80", "nftables")
		o.admin.must("PUT", settingPath, map[string]any{"local_networks": []string{"10.77.1.0/24"}, "lan_interfaces": []string{"lan0"},
			"wan_interfaces": []string{"wan0"}}, nil)
		get := func(url string, at netip.Addr) (int, string) {
			t.Helper()
			transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return l.Dial(ctx, "lan", network, lanHost, netip.AddrPortFrom(at, 80).String())
			}}
			response, err := (&http.Client{Transport: transport, Timeout: patience}).Get(url)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			b, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			return response.StatusCode, string(b)
		}
		captive := func(when, url string, at netip.Addr) {
			t.Helper()
			if status, page := get(url, at); status != http.StatusNetworkAuthenticationRequired || !strings.Contains(page, "Ideco") {
				t.Errorf("%s: %s at %s: %d %.200s", when, url, at, status, page)
			}
		}
		const path = "/.well-known/acme-challenge/"
		captive("before", "http://"+acmeName+path+"token", publicGateway)
		captive("before", "http://www.example.com/", publicDNS)

		// The CA cannot connect yet, so its challenge waits.
		netlab.Run(t, "nft", `table inet hold { chain input { type filter hook input priority -300; iifname wan0 tcp dport 80 drop; }; }`)
		o.admin.must("PUT", acmePath, o.fields(nil), nil)
		var url string
		netlab.Eventually(t, "the CA tries to connect", func() bool {
			url = ca.Attempt()
			return url != ""
		})
		token := regexp.MustCompile(`[^/]+$`).FindString(url)
		for _, to := range []netip.Addr{publicGateway, netip.MustParseAddr("10.77.1.1")} {
			status, answer := get("http://"+acmeName+path+token, to)
			if status != http.StatusOK || !strings.HasPrefix(answer, token+".") {
				t.Errorf("the challenge at %s: %d %s", to, status, answer)
			}
			if status, answer = get("http://"+acmeName+":80"+path+token, to); status != http.StatusOK || !strings.HasPrefix(answer, token+".") {
				t.Errorf("the challenge with a port at %s: %d %s", to, status, answer)
			}
		}
		captive("beside the challenge", "http://"+acmeName+"/", publicGateway)
		captive("beside the challenge", "http://www.example.com/", publicDNS)
		captive("beside the challenge", "http://"+acmeName+path+"another-token", publicGateway)
		netlab.Run(t, "nft", "delete table inet hold")
		o.settles("done")
		o.serves("issued", byCA)
		captive("issued", "http://"+acmeName+path+token, publicGateway)
		o.validated("issued", 1, 0)
	})
}
