//go:build ad

package e2e

import (
	"encoding/base64"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	directorylab "ideco-agent/agent/directory/lab"
	"ideco-agent/agent/needs"
)

// ssoAgent starts the agent with the tickets of a person whom kinit has logged in. server is the gateway's name.
func (o *officeAD) ssoAgent(server, login string) *agentProcess {
	o.t.Helper()
	needs.Program(o.t, "kinit", "krb5-user")
	cache := "FILE:" + filepath.Join(o.t.TempDir(), "tickets")
	kinit := exec.Command("kinit", "-c", cache, login)
	kinit.Stdin = strings.NewReader(directorylab.Password + "\n")
	if out, err := kinit.CombinedOutput(); err != nil {
		o.t.Fatalf("kinit: %v\n%s", err, out)
	}
	_, port, err := net.SplitHostPort(o.where.Agents[0])
	if err != nil {
		o.t.Fatal(err)
	}
	cmd := exec.Command(agentProgram, "connect", "--server", net.JoinHostPort(server, port), "--sso", "--json",
		"--root", filepath.Join(o.data, "root.pem"), "--state", filepath.Join(o.t.TempDir(), "state"))
	cmd.Env = append(os.Environ(), "KRB5CCNAME="+cache)
	return watch(o.t, cmd, "")
}

// TestSSOOfTheAgentAD: the agent logs people of the domain in with their tickets, at the name of the service and at one that is a
// CNAME of it, also right after a restart of the gateway.
func TestSSOOfTheAgentAD(t *testing.T) {
	const service, alias = "portal." + directorylab.Domain, "gw." + directorylab.Domain
	o := newOfficeAD(t)
	o.ad.DNS.Set(t, service+". A 127.0.0.1", alias+". CNAME "+service+".")
	o.admin.must("PUT", settingPath, map[string]any{"auth_domain": service}, nil)
	refused := func(server, login, code string) {
		t.Helper()
		a := o.ssoAgent(server, login)
		if e := a.waits("error"); e.Code != code || e.Message == "" {
			t.Errorf("%s at %s: %+v, want %s", login, server, e, code)
		}
		a.exits(3)
	}
	accepted := func(server, login string) {
		t.Helper()
		a := o.ssoAgent(server, login)
		if e := a.waits("authorized"); e.Mode != "lan" || e.Address != "127.0.0.1" {
			t.Errorf("%s at %s: %+v", login, server, e)
		}
		if got := logins(o.admin.sessions()); len(got) != 1 || !strings.HasPrefix(got[0], login) {
			t.Errorf("%s at %s: the sessions are those of %q", login, server, got)
		}
		a.signal(syscall.SIGTERM)
		a.exits(0)
	}
	refused(service, "bob", "sso_unavailable") // there is no keytab yet

	keytab, err := os.ReadFile(o.ad.Keytab(t))
	if err != nil {
		t.Fatal(err)
	}
	o.admin.must("PUT", o.path, map[string]any{"keytab": base64.StdEncoding.EncodeToString(keytab)}, nil)
	accepted(service, "bob")
	refused(service, "carol", "not_permitted")
	o.admin.must("PUT", settingPath, map[string]any{"auth_domain": alias}, nil)
	accepted(alias, "bob")
	refused("127.0.0.1", "bob", "sso_unavailable") // an address is no service

	o.kill(syscall.SIGKILL)
	o.startAgain()
	o.admin = o.rest("boss", adminPassword)
	accepted(alias, "bob")
}
