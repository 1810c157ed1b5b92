package e2e

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// outsideGateway starts a gateway for which these agents are outside, with an account that may use the VPN.
func outsideGateway(t testing.TB, flags ...string) (*gateway, rest, int64) {
	t.Helper()
	g := startGateway(t, flags...)
	admin := g.administrator()
	admin.must("PUT", "/agent_backend/wireguard/state", map[string]bool{"enabled": true}, nil)
	admin.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"local_networks": []string{"127.0.0.200/32"}, "grace_seconds": 2}, nil)
	return g, admin, admin.user(map[string]any{"login": "remote", "name": "Удалённый Пётр", "remote_access": true})
}

// freeAddress returns an address where nothing listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// through fetches a page through an agent's proxy.
func through(socks, page string) (string, error) {
	transport := &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "socks5", Host: socks})}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport, Timeout: 5 * time.Second}).Get(page)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	return string(b), err
}

const insidePage = "http://10.128.0.1/"

func seesInside(t testing.TB, socks string) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		page, err := through(socks, insidePage)
		if err == nil && strings.Contains(page, "Вы подключены") && strings.Contains(page, "remote") && strings.Contains(page, "10.128.0.") {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("the page inside the tunnel: %v\n%s", err, page)
		}
	}
}

// TestVPN: a tunnel between two processes without privileges lives exactly as long as the session.
func TestVPN(t *testing.T) {
	t.Parallel()
	g, admin, person := outsideGateway(t, "--tunnel", "netstack", "--wireguard-port", "0")
	socks := freeAddress(t)
	connect := func() *agentProcess {
		return g.agent("remote", userPassword, "laptop", "--tunnel", "netstack", "--socks", socks)
	}
	agent := connect()
	if e := agent.waits("tunnel"); e.Mode != "vpn" || !strings.HasPrefix(e.Address, "10.128.") {
		t.Errorf("tunnel: %+v", e)
	}
	seesInside(t, socks)
	list := admin.waitSessions("traffic is counted", func(s []session) bool {
		return len(s) == 1 && s[0].Kind == "vpn" && s[0].Rx != nil && *s[0].Rx > 0 && s[0].Tx != nil && *s[0].Tx > 0
	})
	for path, row := range map[string]string{"/admin/monitor/sessions": `tbody tr:contains("remote")`, "/admin/monitor/vpn": `tbody tr:contains("127.0.0.1")`} {
		v := g.visitor(netip.Addr{})
		v.signIn("boss", adminPassword)
		v.open(path)
		v.sees(row, list[0].Address)
	}

	admin.must("DELETE", "/monitor_backend/auth_sessions/"+list[0].ID, nil, nil)
	if e := agent.waits("ended"); e.Code != "admin" {
		t.Errorf("ended: %+v", e)
	}
	agent.exits(5)
	if page, err := through(socks, insidePage); err == nil {
		t.Errorf("after ✕ the page is still reached: %s", page)
	}

	agent = connect()
	agent.waits("tunnel")
	seesInside(t, socks)
	before := admin.sessions()[0].ID
	g.kill(syscall.SIGKILL)
	agent.waits("reconnecting")
	g.startAgain()
	agent.waits("tunnel")
	seesInside(t, socks)
	if after := admin.sessions(); len(after) != 1 || after[0].ID != before {
		t.Errorf("after the restart there are %+v, before it was %s", after, before)
	}

	admin.must("PATCH", "/user_backend/users/"+strconv.FormatInt(person, 10)+"/disable-vpn", nil, nil)
	if e := agent.waits("ended"); e.Code != "disabled" {
		t.Errorf("the right was taken away: %+v", e)
	}
	agent.exits(5)
	refused := connect()
	if e := refused.waits("error"); e.Code != "vpn_not_allowed" {
		t.Errorf("without the right: %+v", e)
	}
	refused.exits(3)

	admin.must("PUT", "/user_backend/users/"+strconv.FormatInt(person, 10), map[string]bool{"remote_access": true}, nil)
	agent = connect()
	agent.waits("tunnel")
	agent.signal(syscall.SIGKILL)
	admin.waitSessions("the grace period is over", func(s []session) bool { return len(s) == 0 })
}
