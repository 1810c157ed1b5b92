//go:build acme

package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"ideco-agent/agent/netlab"
	"ideco-agent/agent/protocol"
	"ideco-agent/web/e2e/acmelab"
)

// acmeName is the domain for which certificates are ordered.
const acmeName = "portal.example.test"

// Paths of REST.
const (
	certificatesPath = "/certificates"
	acmePath         = "/certificates/acme"
	retryPath        = "/certificates/retry"
)

// ordering is a gateway that orders from a CA.
type ordering struct {
	*gateway
	ca    *acmelab.CA
	admin rest
}

// startOrdering starts a gateway with the domain acmeName. The CA finds it at its port 80; nothing is ordered yet.
func startOrdering(t *testing.T, ca *acmelab.CA) *ordering {
	t.Helper()
	o := &ordering{gateway: startGateway(t), ca: ca}
	o.prepare()
	return o
}

// prepare saves the domain.
func (o *ordering) prepare() {
	o.t.Helper()
	if o.ca.HTTP != nil {
		o.ca.HTTP.Lead(o.where.HTTP[0])
	}
	o.administrator().must("PUT", settingPath, map[string]any{"auth_domain": acmeName}, nil)
	o.admin = o.rest("boss", adminPassword) // the new domain has replaced the root
	o.admin.must("PUT", statePath, map[string]bool{"enabled": true}, nil)
}

// fields returns the settings to order from the CA with its terms accepted; more are added to them.
func (o *ordering) fields(more map[string]any) map[string]any {
	all := map[string]any{"directory": o.ca.Directory, "directory_root_pem": string(o.ca.RootPEM), "email": "admin@example.org", "accept_terms": true}
	for name, value := range more {
		all[name] = value
	}
	return all
}

// acmeOrder is the state of an order in REST's answer.
type acmeOrder struct {
	Name  string     `json:"name"`
	State string     `json:"state"`
	Next  *time.Time `json:"next"`
	Error *struct {
		Code  string `json:"code"`
		Cause string `json:"cause"`
		Cure  string `json:"cure"`
		CA    string `json:"ca"`

		Checks []struct{ Check, State, Text string }
	} `json:"error"`
}

// order returns the state of the order for acmeName.
func (o *ordering) order() acmeOrder {
	o.t.Helper()
	var all struct{ Orders []acmeOrder }
	o.admin.must("GET", certificatesPath, nil, &all)
	if len(all.Orders) == 0 || all.Orders[0].Name != acmeName {
		o.t.Fatalf("there is no order for %s: %+v", acmeName, all)
	}
	return all.Orders[0]
}

// settles waits until an order has a state, and returns it.
func (o *ordering) settles(state string) acmeOrder {
	o.t.Helper()
	return o.until(state, func(now acmeOrder) bool { return now.State == state })
}

// until waits until an order fulfils a condition, and returns it.
func (o *ordering) until(what string, fulfils func(acmeOrder) bool) acmeOrder {
	o.t.Helper()
	var now acmeOrder
	deadline := time.After(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if now = o.order(); fulfils(now) {
			return now
		}
		select {
		case <-tick.C:
		case <-deadline:
			o.t.Fatalf("the order is never %s but %+v, error %+v", what, now, now.Error)
		}
	}
}

// Issuers of the certificate that a port serves.
const (
	byCA  = "the CA"
	byOwn = "the own root"
)

// leaf returns the certificate that an address serves for acmeName to a client with these ALPN protocols, and who issued it. The
// chain must lead to the root of the issuer.
func (o *ordering) leaf(address string, protocols ...string) (leaf *x509.Certificate, issuer string) {
	o.t.Helper()
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", address,
		&tls.Config{ServerName: acmeName, NextProtos: protocols, InsecureSkipVerify: true}) // verified below
	if err != nil {
		o.t.Fatal(err)
	}
	defer conn.Close()
	chain := conn.ConnectionState().PeerCertificates
	intermediates := x509.NewCertPool()
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	verify := func(roots *x509.CertPool) error {
		_, err := chain[0].Verify(x509.VerifyOptions{DNSName: acmeName, Roots: roots, Intermediates: intermediates})
		return err
	}
	if verify(o.roots()) == nil {
		return chain[0], byOwn
	}
	if strings.Contains(chain[0].Issuer.CommonName, "Pebble") {
		if err := verify(o.ca.Issued()); err != nil {
			o.t.Errorf("%s: %v", address, err)
		}
		return chain[0], byCA
	}
	return chain[0], chain[0].Issuer.String()
}

// serves fails the test unless both ports serve a certificate of the issuer, and agents with a pin get one of the own root.
func (o *ordering) serves(when, issuer string) {
	o.t.Helper()
	for what, c := range map[string]struct {
		address   string
		protocols []string
		want      string
	}{
		"the portal":                {o.where.Portal[0], nil, issuer},
		"agents without a pin":      {o.where.Agents[0], []string{"http/1.1"}, issuer},
		"agents with a pin":         {o.where.Agents[0], []string{"http/1.1", protocol.ALPNPinned}, byOwn},
		"a browser at agents' port": {o.where.Agents[0], nil, issuer},
	} {
		if _, got := o.leaf(c.address, c.protocols...); got != c.want {
			o.t.Errorf("%s: %s get a certificate of %s, want %s", when, what, got, c.want)
		}
	}
}

// validated fails the test unless the CA has tried this many challenges.
func (o *ordering) validated(when string, web, alpn int) {
	o.t.Helper()
	if w, a := o.ca.Validations(); w != web || a != alpn {
		o.t.Errorf("%s: the CA saw %d challenges by http-01 and %d by tls-alpn-01, want %d and %d", when, w, a, web, alpn)
	}
}

// restart kills the gateway and starts it at the same ports.
func (o *ordering) restart() {
	o.t.Helper()
	o.kill(syscall.SIGKILL)
	o.startAgain()
}

// TestACMEIssue: the saved settings bring a certificate within seconds, while a connected agent stays. A restart serves it at once,
// without the CA.
func TestACMEIssue(t *testing.T) {
	t.Parallel()
	o := startOrdering(t, acmelab.Start(t, acmelab.Options{}))
	o.serves("nothing is ordered", byOwn)
	o.admin.user(map[string]any{"login": "anna"})
	agent := o.agent("anna", userPassword, "pc")
	agent.waits("authorized")
	session := o.admin.sessions()[0].ID

	begun := time.Now()
	o.admin.must("PUT", acmePath, o.fields(nil), nil)
	done := o.settles("done")
	t.Logf("issued in %v, renewal %v", time.Since(begun), done.Next)
	o.serves("issued", byCA)
	o.validated("issued", 1, 0)
	if n := o.ca.TLS.Count(); n != 0 {
		t.Errorf("the CA made %d connections for tls-alpn-01", n)
	}
	if list := o.admin.sessions(); len(list) != 1 || list[0].ID != session || list[0].State != "connected" {
		t.Errorf("the sessions are %+v", list)
	}
	before, _ := o.leaf(o.where.Portal[0])
	if left := time.Until(*done.Next); left < 50*24*time.Hour || left > 61*24*time.Hour {
		t.Errorf("a certificate for 90 days is renewed in %v", left)
	}

	o.ca.Stop()
	o.restart()
	if after, _ := o.leaf(o.where.Portal[0]); !after.Equal(before) {
		t.Errorf("restarted: the portal serves a certificate of %s", after.Issuer)
	}
	o.admin = o.rest("boss", adminPassword)
	if now := o.order(); now.State != "done" || now.Error != nil {
		t.Errorf("restarted: the order is %+v", now)
	}
	agent.waits("authorized") // again
	page := o.visitor(netip.Addr{})
	page.signIn("boss", adminPassword)
	page.open("/admin/certificate")
	page.sees("[aria-labelledby=verdict]", "Pebble")
	page.sees("main table", "Сертификат получен")
	for name, address := range map[string]string{"portal": o.where.Portal[0], "agents": o.where.Agents[0]} {
		t.Run(name, func(t *testing.T) { sslscan(t, address, nil, "--sni-name="+acmeName) })
	}
	if strings.Contains(o.log.String(), "PRIVATE KEY") {
		t.Error("the log has a key")
	}
}

// TestACMETwoNames: former domains get a certificate too, and a name that the CA cannot check does not hold back the other.
func TestACMETwoNames(t *testing.T) {
	t.Parallel()
	o := startOrdering(t, acmelab.Start(t, acmelab.Options{}))
	o.ca.Resolve("broken.example.test", "127.0.0.9")
	o.admin.must("PUT", settingPath, map[string]any{"auth_domain": "broken.example.test"}, nil)
	o.admin = o.rest("boss", adminPassword)
	o.admin.must("PUT", acmePath, o.fields(nil), nil)
	var all struct{ Orders []acmeOrder }
	netlab.Eventually(t, "both orders have ended", func() bool {
		o.admin.must("GET", certificatesPath, nil, &all)
		return len(all.Orders) == 2 && all.Orders[0].State == "failed" && all.Orders[1].State == "done"
	})
	if _, by := o.leaf(o.where.Portal[0]); by != byCA {
		t.Errorf("the former domain has a certificate of %s", by)
	}
	if e := all.Orders[0].Error; e == nil || e.Code != "connection" {
		t.Errorf("broken: %+v", all.Orders[0])
	}
	o.validated("two names", 2, 0)
}
