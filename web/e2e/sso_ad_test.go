//go:build ad

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ideco-agent/agent/directory/kerberos/mint"
	directorylab "ideco-agent/agent/directory/lab"
	"ideco-agent/agent/needs"
)

const (
	ssoName  = "portal.example.test" // the service svc-http has it
	ssoAlias = "sso.example.test"
)

// newOfficeSSO is an office whose gateway has a keytab and the domain ssoName. It listens on loopback, which is its LAN.
func newOfficeSSO(t *testing.T) (o *officeAD, keytab []byte) {
	t.Helper()
	o = newOfficeAD(t)
	file, err := os.ReadFile(o.ad.Keytab(t))
	if err != nil {
		t.Fatal(err)
	}
	o.ad.DNS.Set(t, ssoName+". A 127.0.0.1")
	o.admin.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"auth_domain": ssoName}, nil)
	o.admin.must("PUT", o.path, map[string]any{"login_groups": []string{}, "keytab": base64.StdEncoding.EncodeToString(file)}, nil)
	return o, file
}

// portalURL is a path of the portal under one of the gateway's names.
func (o *officeAD) portalURL(name, path string) string {
	_, port, _ := strings.Cut(o.where.Portal[0], ":")
	return "https://" + name + ":" + port + path
}

// kinit logs a person in and returns the environment of programs that use the ticket.
func (o *officeAD) kinit(login, password string) []string {
	o.t.Helper()
	needs.Program(o.t, "kinit", "krb5-user")
	env := append(os.Environ(), "KRB5CCNAME=FILE:"+filepath.Join(o.t.TempDir(), "ticket"))
	cmd := exec.Command("kinit", login)
	cmd.Env, cmd.Stdin = env, strings.NewReader(password+"\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		o.t.Fatalf("kinit %s: %v\n%s", login, err, out)
	}
	return env
}

// curl signs in to the portal by the ticket in the environment. It returns the status and the answer's body.
func (o *officeAD) curl(env []string, name string, more ...string) (status, body string) {
	o.t.Helper()
	needs.Program(o.t, "curl", "curl")
	args := append([]string{"-sS", "--cacert", filepath.Join(o.data, "root.pem"), "-H", "Content-Type: application/json", "-d", "{}", "-w", "\n%{http_code}"}, more...)
	cmd := exec.Command("curl", append(args, o.portalURL(name, "/web/auth/sso"))...)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	if err != nil {
		o.t.Fatalf("curl: %v\n%s", err, out)
	}
	i := strings.LastIndexByte(string(out), '\n')
	return string(out[i+1:]), strings.TrimSpace(string(out[:i]))
}

// TestSSOCurlAD: curl signs in with the ticket of kinit, under the gateway's name and under a CNAME of it. Without a ticket it is
// asked for one.
func TestSSOCurlAD(t *testing.T) {
	o, _ := newOfficeSSO(t)
	env := o.kinit("alice", directorylab.Password)
	jar := filepath.Join(t.TempDir(), "cookies")
	if status, body := o.curl(env, ssoName, "--negotiate", "-u", ":", "-c", jar); status != "200" || body != "{}" {
		t.Errorf("by ticket: %s %s", status, body)
	}
	cabinet := exec.Command("curl", "-sS", "--cacert", filepath.Join(o.data, "root.pem"), "-b", jar, o.portalURL(ssoName, "/cabinet"))
	if page, err := cabinet.Output(); err != nil || !strings.Contains(string(page), "alice") {
		t.Errorf("cabinet: %v, %.300s", err, page)
	}
	if status, body := o.curl(env, ssoName); status != "401" || !strings.Contains(body, "ticket_missing") {
		t.Errorf("without a ticket: %s %s", status, body)
	}

	o.ad.DNS.Set(t, ssoAlias+". CNAME "+ssoName+".")
	o.admin.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"auth_domain": ssoAlias}, nil)
	o.ad.Set(t, "CN=svc-http,OU=Services,"+directorylab.BaseDN, "servicePrincipalName", "HTTP/"+ssoName, "HTTP/"+ssoAlias)
	if status, body := o.curl(env, ssoAlias, "--negotiate", "-u", ":"); status != "200" {
		t.Errorf("under a CNAME: %s %s", status, body)
	}
	var report struct {
		OK    bool
		Steps []struct{ Step, State string }
	}
	o.admin.must("POST", o.path+"/test", map[string]any{}, &report)
	if !report.OK || !slices.ContainsFunc(report.Steps, func(s struct{ Step, State string }) bool { return s.Step == "keytab" && s.State == "warning" }) {
		t.Errorf("the test of a keytab without the alias: %+v", report)
	}
}

// TestSSOLargeTokenAD: a token of 65,000 bytes passes the portal's header limit, and the other listeners keep theirs.
func TestSSOLargeTokenAD(t *testing.T) {
	o, keytab := newOfficeSSO(t)
	token := mint.Token(t, mint.Ticket{Keytab: keytab, Service: directorylab.Service, Realm: directorylab.Realm, Client: "alice", Size: 64300})
	if len(token) < 64800 {
		t.Fatalf("%d bytes", len(token))
	}
	post := func(url string) *http.Response {
		r, err := http.NewRequest("POST", url, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Negotiate "+base64.StdEncoding.EncodeToString(token))
		response, err := o.client(netip.Addr{}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response
	}
	if response := post(o.portalURL(ssoName, "/web/auth/sso")); response.StatusCode != http.StatusOK || response.ProtoMajor != 1 {
		t.Errorf("portal: %s over %s", response.Status, response.Proto)
	}
	if response := post("https://" + o.where.Agents[0] + "/address"); response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("agent endpoint: %s", response.Status)
	}
}

// sso logs in by a token.
func (w *wire) sso(token []byte, device string) reply {
	w.t.Helper()
	w.send(`{"type":"sso","token":null,"session_token":null,"domain":""}`)
	challenge := w.challenge()
	frame, _ := json.Marshal(map[string]any{"type": "sso", "token": base64.StdEncoding.EncodeToString(token), "session_token": challenge,
		"domain": directorylab.Realm, "device": map[string]string{"id": device, "name": "PC", "os": "linux"}})
	return w.ask(string(frame))
}

// challenge receives the gateway's sso.
func (w *wire) challenge() string {
	w.t.Helper()
	_, frame, err := w.conn.Read(w.t.Context())
	var m struct {
		Status  string
		Session string `json:"session_token"`
	}
	if err != nil || json.Unmarshal(frame, &m) != nil || m.Status != "challenge" {
		w.t.Fatalf("%v, %s", err, frame)
	}
	return m.Session
}

// TestSSOAgentAD: an agent logs in by tickets. A replayed request is refused, and after a restart fresh ones with the same ticket are
// accepted within a second. The session follows the account when it is renamed, and ends when it is disabled.
func TestSSOAgentAD(t *testing.T) {
	o, keytab := newOfficeSSO(t)
	alice := o.ad.LogIn(t, "alice", directorylab.Password)
	used := alice.Token(t)
	w := o.wire("127.0.1.1")
	if r := w.sso(used, "pc"); !r.Authorized {
		t.Fatalf("login: %+v", r)
	}
	if r := o.wire("127.0.1.2").sso(used, "thief"); r.Code != "sso_refused" {
		t.Errorf("replay: %+v", r)
	}
	o.waitLog("replay")
	if r := w.sso(mint.Token(t, mint.Ticket{Keytab: keytab, Service: directorylab.Service, Realm: directorylab.Realm, Client: "alice", Size: 64300}), "pc"); !r.Authorized {
		t.Errorf("an extension by a large token: %+v", r)
	}
	if r := o.wire("127.0.1.3").sso(mint.NTLMToken, "ntlm"); r.Code != "sso_ntlm" || r.Message == "" {
		t.Errorf("NTLM: %+v", r)
	}

	late := alice.Token(t)
	o.kill(syscall.SIGKILL)
	o.startAgain()
	began := time.Now()
	w = o.wire("127.0.1.1")
	if r := w.sso(late, "pc"); r.Code != "sso_stale" {
		t.Errorf("from before the restart: %+v", r)
	}
	took := time.Since(began)
	if r := w.sso(alice.Token(t), "pc"); !r.Authorized || time.Since(began) > took+time.Second {
		t.Errorf("after the restart: %+v after %v", r, time.Since(began))
	}

	o.admin = o.rest("boss", adminPassword)
	o.ad.Set(t, o.ad.PersonDN("alice"), "sAMAccountName", "alice.new")
	o.ad.Set(t, o.ad.PersonDN("alice"), "userPrincipalName", "alice.new@"+directorylab.Domain)
	o.checkNow(6)
	o.admin.waitSessions("alice is renamed", func(s []session) bool { return slices.Equal(logins(s), []string{"alice.new"}) })
	if r := w.sso(alice.Token(t), "pc"); r.Code != "sso_refused" {
		t.Errorf("a ticket with the former name: %+v", r)
	}
	renamed := o.ad.LogIn(t, "alice.new", directorylab.Password)
	if r := w.sso(renamed.Token(t), "pc"); !r.Authorized {
		t.Errorf("a ticket with the new name: %+v", r)
	}
	o.ad.Disable(t, "alice")
	if r := o.wire("127.0.1.4").sso(renamed.Token(t), "pc2"); r.Code != "account_disabled" {
		t.Errorf("disabled: %+v", r)
	}
	o.checkNow(7)
	o.admin.waitSessions("alice is disabled", func(s []session) bool { return len(s) == 0 })
}
