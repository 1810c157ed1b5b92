package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ideco-agent/agent/needs"
)

// companyCert is a certificate of a company's CA with its key.
type companyCert struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

// issueUnder issues a certificate that by signs; nil = a root, which signs itself. Without names the certificate is that of a CA.
func issueUnder(t testing.TB, by *companyCert, subject string, life time.Duration, names ...string) *companyCert {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{Subject: pkix.Name{CommonName: subject}, DNSNames: names, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(life),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true}
	if len(names) == 0 {
		template.IsCA, template.KeyUsage, template.ExtKeyUsage = true, x509.KeyUsageCertSign, nil
	}
	issuer, signer := template, key
	if by != nil {
		issuer, signer = by.Certificate, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &companyCert{cert, key}
}

func (c *companyCert) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

func (c *companyCert) keyPEM(t testing.TB) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// pfx returns a PFX made by OpenSSL, with the key, the certificate and its issuers.
func (c *companyCert) pfx(t testing.TB, password string, issuers ...*companyCert) []byte {
	t.Helper()
	needs.Program(t, "openssl", "openssl")
	all := c.keyPEM(t) + c.pem()
	for _, one := range issuers {
		all += one.pem()
	}
	cmd := exec.CommandContext(t.Context(), "openssl", "pkcs12", "-export", "-passout", "pass:"+password)
	cmd.Stdin = strings.NewReader(all)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// saved writes a file to a directory of its own and returns its path.
func saved(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestUploadedCertificate: an uploaded certificate is served at once and after a restart, without dropping an agent. Unsuitable ones are
// refused with the reason. Without the file secret.key, and after the removal, a certificate of the own root is served.
func TestUploadedCertificate(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	admin := g.administrator()
	admin.must("PUT", statePath, map[string]bool{"enabled": true}, nil)
	admin.must("PUT", settingPath, map[string]any{"auth_domain": "127.0.0.1"}, nil)
	admin.user(map[string]any{"login": "anna"})
	admin.must("PUT", settingPath, map[string]any{"auth_domain": "gw.test"}, nil)
	own := g.rootFile()
	agent := g.agent("anna", userPassword, "pc", "--root", own)
	agent.waits("authorized")

	root := issueUnder(t, nil, "Company root", 48*time.Hour)
	issuer := issueUnder(t, root, "Company issuer", 48*time.Hour)
	leaf := issueUnder(t, issuer, "gateway", 24*time.Hour, "gw.test")
	company := saved(t, "company.pem", []byte(root.pem()))
	serves := func(what, rootFile, other string) {
		t.Helper()
		if status, err := g.opens("gw.test", rootFile); status != http.StatusOK {
			t.Errorf("%s: %d, %v", what, status, err)
		}
		if _, err := g.opens("gw.test", other); err == nil {
			t.Errorf("%s: the other certificate is served", what)
		}
	}
	serves("before", own, company)

	for code, body := range map[string]map[string]any{
		"field_certificate_key_other": {"pem": leaf.pem() + root.keyPEM(t) + issuer.pem()},
		"field_certificate_key_none":  {"pem": leaf.pem() + issuer.pem() + root.pem()},
		"field_certificate_names_other": {"pem": func() string {
			c := issueUnder(t, root, "x", time.Hour, "else.test")
			return c.pem() + c.keyPEM(t) + root.pem()
		}()},
		"field_certificate_expired": {"pem": func() string {
			c := issueUnder(t, root, "x", -time.Minute, "gw.test")
			return c.pem() + c.keyPEM(t) + root.pem()
		}()},
		"field_certificate_issuer_missing": {"pfx": leaf.pfx(t, "secret", root), "password": "secret"},
		"field_certificate_password":       {"pfx": leaf.pfx(t, "secret", issuer, root), "password": "Secret"},
		"field_certificate_file":           {"pfx": []byte("garbage")},
		"field_certificate_empty":          {},
	} {
		var answer struct {
			Code, Message string
			Fields        map[string]string
		}
		status, b := admin.call("POST", "/certificates", body)
		if err := json.Unmarshal(b, &answer); status != 542 || err != nil || answer.Code != code || answer.Message == code || len(answer.Fields) != 1 {
			t.Errorf("%s: %d %s", code, status, b)
		}
	}
	serves("after refusals", own, company)

	var added struct{ ID int64 }
	upload := map[string]any{"pfx": leaf.pfx(t, "secret", root, issuer), "password": "secret"}
	admin.must("POST", "/certificates", upload, &added)
	serves("uploaded", company, own)
	admin.waitSessions("after the upload", func(list []session) bool { return len(list) == 1 && list[0].State == "connected" })
	g.kill(syscall.SIGTERM)
	g.startAgain()
	serves("after a restart", company, own)

	g.kill(syscall.SIGTERM)
	if err := os.Remove(filepath.Join(g.data, "secret.key")); err != nil {
		t.Fatal(err)
	}
	g.startAgain()
	serves("without secret.key", own, company)
	var list struct {
		Uploaded []struct {
			ID      int64
			KeyLost bool `json:"key_lost"`
			Serves  []string
		}
	}
	admin.must("GET", "/certificates", nil, &list)
	if len(list.Uploaded) != 1 || list.Uploaded[0].ID != added.ID || !list.Uploaded[0].KeyLost || len(list.Uploaded[0].Serves) != 0 {
		t.Errorf("%+v", list)
	}
	first := added.ID
	if admin.must("POST", "/certificates", upload, &added); added.ID != first {
		t.Errorf("the same certificate has ID %d and %d", first, added.ID)
	}
	serves("uploaded again", company, own)
	admin.must("DELETE", fmt.Sprint("/certificates/", first), nil, nil)
	serves("removed", own, company)
	if key := leaf.keyPEM(t); strings.Contains(g.log.String(), key[40:80]) || strings.Contains(g.log.String(), "secret\"") {
		t.Error("the log has the key or the password")
	}
}
