package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"ideco-agent/agent/needs"
)

// The lab: the gateway's namespace, in which the test runs, with a LAN host behind it and a person outside.
//
//	outside 198.51.100.2 ── 198.51.100.1 gateway 10.77.3.1 ── 10.77.3.2 lan
const (
	labVariable   = "IDECO_E2E_LAB"
	fetchVariable = "IDECO_E2E_FETCH" // makes this program fetch a URL and print what comes
	serveVariable = "IDECO_E2E_SERVE" // makes this program serve downloadSize bytes at an address
	downloadSize  = 8 << 20
)

// otherRoles is what this program is when a test starts it in another namespace.
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

// inLab runs the body of a test inside the gateway's namespace of a fresh lab, by starting this program there once more
// for that test alone.
func inLab(t *testing.T, body func(t *testing.T, lab string)) {
	if lab := os.Getenv(labVariable); lab != "" {
		body(t, lab)
		return
	}
	needs.Root(t)
	needs.TUN(t)
	needs.Program(t, "ip", "iproute2")
	needs.Program(t, "wg", "wireguard-tools")
	needs.Program(t, "ping", "iputils-ping")
	needs.Program(t, "pkill", "procps")
	lab := fmt.Sprint("idl", os.Getpid())
	newLab(t, lab)
	again := exec.CommandContext(t.Context(), "ip", "netns", "exec", lab+"-gw", os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=3m")
	again.Env = append(os.Environ(), labVariable+"="+lab)
	out, err := again.CombinedOutput()
	needs.Rerun(t, out, err)
}

func newLab(t *testing.T, lab string) {
	t.Helper()
	gw, lan, out := lab+"-gw", lab+"-lan", lab+"-out"
	for _, name := range []string{gw, lan, out} {
		run(t, "ip", "netns", "add", name)
		t.Cleanup(func() { run(t, "ip", "netns", "del", name) })
		run(t, "ip", "-n", name, "link", "set", "lo", "up")
	}
	for _, cable := range []struct{ ns, peer, gateway, address string }{
		{lan, "lan0", "10.77.3.1/24", "10.77.3.2/24"}, {out, "wan0", "198.51.100.1/24", "198.51.100.2/24"},
	} {
		run(t, "ip", "-n", gw, "link", "add", cable.peer, "type", "veth", "peer", "name", "eth0", "netns", cable.ns)
		run(t, "ip", "-n", gw, "addr", "add", cable.gateway, "dev", cable.peer)
		run(t, "ip", "-n", gw, "link", "set", cable.peer, "up")
		run(t, "ip", "-n", cable.ns, "addr", "add", cable.address, "dev", "eth0")
		run(t, "ip", "-n", cable.ns, "link", "set", "eth0", "up")
	}
	run(t, "ip", "-n", lan, "route", "add", "default", "via", "10.77.3.1")
	run(t, "ip", "netns", "exec", gw, "sysctl", "-qw", "net.ipv4.ip_forward=1")
}

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// outside fetches a URL in the namespace outside.
func outside(t testing.TB, lab, url string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ip", "netns", "exec", lab+"-out", os.Args[0])
	cmd.Env = append(os.Environ(), fetchVariable+"="+url)
	out, err := cmd.Output()
	return string(out), err
}

// TestTUN is a person outside with a real interface on both ends: what is behind the gateway is reached while the
// session lives, and `wg show` lists the peer not a moment longer.
func TestTUN(t *testing.T) {
	inLab(t, func(t *testing.T, lab string) {
		name := lab + "w" // /var/run/wireguard is shared by all namespaces
		g := startGateway(t, "--tunnel", "tun", "--tunnel-name", name, "--wireguard-port", "3051",
			"--http-listen", ":80", "--agent-listen", "198.51.100.1:14765")
		g.where.Agents = []string{"198.51.100.1:14765"}
		boss := g.administrator()
		boss.must("PUT", "/agent_backend/wireguard/state", map[string]bool{"enabled": true}, nil)
		boss.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"local_networks": []string{"10.77.3.0/24"}, "forward_nets": []string{"10.77.3.0/24"}}, nil)
		boss.user(map[string]any{"login": "remote", "remote_access": true})
		server := exec.Command("ip", "netns", "exec", lab+"-lan", os.Args[0])
		server.Env = append(os.Environ(), serveVariable+"=10.77.3.2:8000")
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = server.Process.Kill()
			_ = server.Wait()
		})
		peers := func() string { return strings.TrimSpace(run(t, "wg", "show", name, "peers")) }
		if p := peers(); p != "" {
			t.Errorf("peers before anybody came: %s", p)
		}

		agent := g.agentIn(lab+"-out", "remote", userPassword, "laptop", "--tunnel", "tun", "--tunnel-name", lab+"a")
		address := agent.waits("tunnel").Address
		if p := peers(); strings.Count(p, "\n") != 0 || p == "" {
			t.Errorf("peers of one session: %q", p)
		}
		run(t, "ip", "netns", "exec", lab+"-out", "ping", "-c", "3", "-i", "0.2", "-W", "2", "10.128.0.1")
		run(t, "ip", "netns", "exec", lab+"-out", "ping", "-c", "3", "-i", "0.2", "-W", "2", "10.77.3.2")
		if body, err := outside(t, lab, "http://10.77.3.2:8000/"); err != nil || len(body) != downloadSize {
			t.Errorf("download: %d bytes, %v", len(body), err)
		}
		// One handler on port 80 chooses by the local address.
		for url, says := range map[string]string{"http://10.128.0.1/": "Вы подключены", "http://198.51.100.1/": "Запустите Ideco агент"} {
			if page, err := outside(t, lab, url); err != nil || !strings.Contains(page, says) {
				t.Errorf("%s does not say %q: %v\n%s", url, says, err, page)
			}
		}
		live := boss.waitSessions("traffic is counted", func(s []session) bool {
			return len(s) == 1 && s[0].Tx != nil && *s[0].Tx > downloadSize
		})
		if live[0].Address != address {
			t.Errorf("the monitor says %s, the agent %s", live[0].Address, address)
		}

		boss.must("DELETE", "/monitor_backend/auth_sessions/"+live[0].ID, nil, nil)
		if p := peers(); p != "" {
			t.Errorf("peers after the end: %s", p)
		}
		agent.exits(5)
		if out, err := exec.Command("ip", "netns", "exec", lab+"-out", "ip", "link", "show", lab+"a").CombinedOutput(); err == nil {
			t.Errorf("the agent left its interface: %s", out)
		}
		boss.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"grace_seconds": 1}, nil)
		agent = g.agentIn(lab+"-out", "remote", userPassword, "laptop", "--tunnel", "tun", "--tunnel-name", lab+"a")
		agent.waits("tunnel")
		if p := peers(); p == "" {
			t.Error("the second session has no peer")
		}
		run(t, "pkill", "-KILL", "-f", lab+"a") // the agent, not the ip program in front of it
		boss.waitSessions("the grace is over", func(s []session) bool { return len(s) == 0 })
		if p := peers(); p != "" {
			t.Errorf("peers after the grace: %s", p)
		}
		ping := exec.Command("ip", "netns", "exec", lab+"-out", "ping", "-c", "1", "-W", "1", "10.77.3.2")
		if out, err := ping.CombinedOutput(); err == nil {
			t.Errorf("the LAN is reached without a session: %s", out)
		}
	})
}
