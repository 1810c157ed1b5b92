package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"ideco-agent/agent/needs"
	"ideco-agent/agent/netlab"
)

// The network: the gateway's namespace, in which the test runs, a LAN host and a host outside.
//
//	outside 198.51.100.2 ── 198.51.100.1 gateway 10.77.3.1 ── 10.77.3.2 lan
const (
	fetchVariable = "IDECO_E2E_FETCH" // makes this program fetch a URL and print the answer
	serveVariable = "IDECO_E2E_SERVE" // makes this program serve downloadSize bytes at an address
	downloadSize  = 8 << 20
)

// otherRoles runs this program's role if a test started it in another namespace.
func otherRoles() bool {
	switch {
	case os.Getenv(swarmVariable) != "":
		runSwarm()
	case os.Getenv(fetchVariable) != "":
		response, err := (&http.Client{Timeout: patience}).Get(os.Getenv(fetchVariable))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if _, err := io.Copy(os.Stdout, response.Body); err != nil {
			os.Exit(1)
		}
	case os.Getenv(serveVariable) != "":
		handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, downloadSize)) })
		fmt.Fprintln(os.Stderr, http.ListenAndServe(os.Getenv(serveVariable), handler))
		os.Exit(1)
	default:
		return false
	}
	return true
}

var tunNetwork = netlab.Network{Places: []string{"gw", "lan", "out"}, Script: `
join gw lan0 lan eth0; join gw wan0 out eth0
at gw addr add 10.77.3.1/24 dev lan0; at lan addr add 10.77.3.2/24 dev eth0
at gw addr add 198.51.100.1/24 dev wan0; at out addr add 198.51.100.2/24 dev eth0
at lan route add default via 10.77.3.1
inside gw sysctl -qw net.ipv4.ip_forward=1
`}

// outside fetches a URL from outside.
func outside(t testing.TB, l *netlab.Lab, url string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := l.Command(ctx, "out", os.Args[0])
	cmd.Env = append(cmd.Env, fetchVariable+"="+url)
	out, err := cmd.Output()
	return string(out), err
}

// TestTUN: with a network interface on both ends, a VPN user reaches the LAN while the session lives. `wg show` lists the peer
// no longer than that.
func TestTUN(t *testing.T) {
	needs.TUN(t)
	needs.Program(t, "wg", "wireguard-tools")
	needs.Program(t, "ping", "iputils-ping")
	needs.Program(t, "pkill", "procps")
	tunNetwork.Enter(t, func(t *testing.T, l *netlab.Lab) {
		name, link := l.Link("w"), l.Link("a")
		g := startGateway(t, "--tunnel", "tun", "--tunnel-name", name, "--wireguard-port", "3051",
			"--http-listen", ":80", "--agent-listen", "198.51.100.1:14765")
		g.where.Agents = []string{"198.51.100.1:14765"}
		admin := g.administrator()
		admin.must("PUT", "/agent_backend/wireguard/state", map[string]bool{"enabled": true}, nil)
		admin.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"auth_domain": "198.51.100.1", "local_networks": []string{"10.77.3.0/24"}, "forward_nets": []string{"10.77.3.0/24"}}, nil)
		admin.user(map[string]any{"login": "remote", "remote_access": true})
		server := l.Command(t.Context(), "lan", os.Args[0])
		server.Env = append(server.Env, serveVariable+"=10.77.3.2:8000")
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		peers := func() string { return netlab.Run(t, "wg", "show", name, "peers") }
		if p := peers(); p != "" {
			t.Errorf("peers before anybody came: %s", p)
		}

		agent := g.agentIn(l.Name("out"), "remote", userPassword, "laptop", "--tunnel", "tun", "--tunnel-name", link)
		address := agent.waits("tunnel").Address
		if p := peers(); strings.Count(p, "\n") != 0 || p == "" {
			t.Errorf("peers of one session: %q", p)
		}
		netlab.Run(t, "ip", "netns", "exec", l.Name("out"), "ping", "-c", "3", "-i", "0.2", "-W", "2", "10.128.0.1")
		netlab.Run(t, "ip", "netns", "exec", l.Name("out"), "ping", "-c", "3", "-i", "0.2", "-W", "2", "10.77.3.2")
		if body, err := outside(t, l, "http://10.77.3.2:8000/"); err != nil || len(body) != downloadSize {
			t.Errorf("download: %d bytes, %v", len(body), err)
		}
		// One handler on port 80 chooses by the local address.
		for url, says := range map[string]string{"http://10.128.0.1/": "Вы подключены", "http://198.51.100.1/": "Запустите Ideco агент"} {
			if page, err := outside(t, l, url); err != nil || !strings.Contains(page, says) {
				t.Errorf("%s does not say %q: %v\n%s", url, says, err, page)
			}
		}
		live := admin.waitSessions("traffic is counted", func(s []session) bool {
			return len(s) == 1 && s[0].Tx != nil && *s[0].Tx > downloadSize
		})
		if live[0].Address != address {
			t.Errorf("the monitor says %s, the agent %s", live[0].Address, address)
		}

		admin.must("DELETE", "/monitor_backend/auth_sessions/"+live[0].ID, nil, nil)
		if p := peers(); p != "" {
			t.Errorf("peers after the end: %s", p)
		}
		agent.exits(5)
		if out, err := l.Command(t.Context(), "out", "ip", "link", "show", link).CombinedOutput(); err == nil {
			t.Errorf("the agent left its interface: %s", out)
		}
		admin.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"grace_seconds": 1}, nil)
		agent = g.agentIn(l.Name("out"), "remote", userPassword, "laptop", "--tunnel", "tun", "--tunnel-name", link)
		agent.waits("tunnel")
		if p := peers(); p == "" {
			t.Error("the second session has no peer")
		}
		netlab.Run(t, "pkill", "-KILL", "-f", link) // the agent, not the ip program in front of it
		admin.waitSessions("the grace period is over", func(s []session) bool { return len(s) == 0 })
		if p := peers(); p != "" {
			t.Errorf("peers after the grace period: %s", p)
		}
		ping := l.Command(t.Context(), "out", "ping", "-c", "1", "-W", "1", "10.77.3.2")
		if out, err := ping.CombinedOutput(); err == nil {
			t.Errorf("the LAN is reached without a session: %s", out)
		}
	})
}
