package web

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/secretbox"
	"ideco-agent/handlers"
)

// filesOf returns a certificate and its key as an administrator uploads them.
func filesOf(t *testing.T, c *tls.Certificate) [][]byte {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return [][]byte{pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})}
}

// openedUploads returns the stored certificates of c as after a start.
func openedUploads(t *testing.T, c *certificates) *uploadedCertificates {
	t.Helper()
	u, err := openUploads(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	c.uploads = u
	return u
}

func uploadOne(t *testing.T, u *uploadedCertificates, c *tls.Certificate) handlers.Uploaded {
	t.Helper()
	d, err := u.Upload(t.Context(), filesOf(t, c), "", "ivanov")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// wantCovering checks which certificate is served for a name now, among the stored ones; nil = none.
func wantCovering(t *testing.T, u *uploadedCertificates, name string, want *tls.Certificate) {
	t.Helper()
	got := u.Covering(name, time.Now())
	switch {
	case want == nil && got != nil:
		t.Errorf("%s is served %s", name, got.Leaf.Subject)
	case want != nil && (got == nil || !got.Leaf.Equal(want.Leaf)):
		t.Errorf("%s is not served the right certificate: %v", name, got)
	}
}

func TestUploadedCertificates(t *testing.T) {
	c, _ := openForTest(t)
	u := openedUploads(t, c)
	short, long, former := issue(t, "gw.company.ru", 24*time.Hour), issue(t, "*.company.ru", 48*time.Hour), issue(t, "old.company.ru", time.Hour)
	wantCovering(t, u, "gw.company.ru", nil)
	first := uploadOne(t, u, short)
	wantCovering(t, u, "gw.company.ru", short)
	wantCovering(t, u, "old.company.ru", nil)
	if !slices.Equal(first.Serves, []string{"gw.company.ru"}) || first.Source != agent.SourceUploaded || first.Leaf().NotAfter != short.Leaf.NotAfter {
		t.Errorf("%+v", first)
	}
	second, third := uploadOne(t, u, long), uploadOne(t, u, former)
	check := func(u *uploadedCertificates) {
		t.Helper()
		wantCovering(t, u, "gw.company.ru", long) // it ends later
		wantCovering(t, u, "old.company.ru", long)
		wantCovering(t, u, "else.ru", nil)
		if c := u.Covering("gw.company.ru", time.Now().Add(47*time.Hour)); c == nil || !c.Leaf.Equal(long.Leaf) {
			t.Error("the certificate is not taken at a later time")
		}
		if c := u.Covering("gw.company.ru", time.Now().Add(49*time.Hour)); c != nil {
			t.Error("an expired certificate is taken")
		}
		list := u.Uploaded()
		if len(list) != 3 || list[0].ID != third.ID || list[1].ID != second.ID || list[2].ID != first.ID || list[0].Serves != nil || len(list[1].Serves) != 2 {
			t.Errorf("%+v", list)
		}
	}
	check(u)
	check(openedUploads(t, c)) // after a restart
	u = openedUploads(t, c)

	served, err := c.choice.Serving("gw.company.ru")
	if err != nil || served.Source != agent.SourceUploaded {
		t.Errorf("the gateway serves %v, %v", served.Source, err)
	}
	if again := uploadOne(t, u, former); again.ID != third.ID || len(u.Uploaded()) != 3 {
		t.Errorf("the same certificate was stored twice: %d", again.ID)
	}
	if err := u.RemoveUploaded(t.Context(), second.ID, "petrov"); err != nil {
		t.Fatal(err)
	}
	wantCovering(t, u, "gw.company.ru", short)
	wantCovering(t, u, "old.company.ru", former)
	if err := u.RemoveUploaded(t.Context(), second.ID, "petrov"); !errors.Is(err, agent.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	history, err := c.History(t.Context())
	if err != nil || len(history) != 5 {
		t.Fatalf("%d events, %v", len(history), err)
	}
	if e := history[0]; e.Event != agent.EventRemoved || e.By != "petrov" || e.Name != "gw.company.ru" || e.Source != agent.SourceUploaded {
		t.Errorf("%+v", e)
	}
	if e := history[4]; e.Event != agent.EventUploaded || e.By != "ivanov" || e.Name != "gw.company.ru" || time.Since(e.At) > time.Minute {
		t.Errorf("%+v", e)
	}
}

// TestUploadIsRefused: what ParseUpload refuses is not stored, and neither is one certificate too many.
func TestUploadIsRefused(t *testing.T) {
	c, _ := openForTest(t)
	u := openedUploads(t, c)
	refused := func(cert *tls.Certificate, code string) {
		t.Helper()
		var problem agent.Problem
		if _, err := u.Upload(t.Context(), filesOf(t, cert), "", "ivanov"); !errors.As(err, &problem) || problem.Code != code {
			t.Errorf("%v, want %s", err, code)
		}
	}
	refused(issue(t, "else.ru", time.Hour), agent.UploadOtherNames)
	refused(issue(t, "gw.company.ru", -time.Minute), agent.UploadExpired)
	for range agent.MaxUploadedCertificates {
		uploadOne(t, u, issue(t, "gw.company.ru", time.Hour))
	}
	last := issue(t, "gw.company.ru", time.Hour)
	refused(last, agent.UploadedTooMany)
	uploadOne(t, u, &(*u.list.Load())[0].Certificate) // a stored one may be replaced
	if err := u.RemoveUploaded(t.Context(), u.Uploaded()[0].ID, "ivanov"); err != nil {
		t.Fatal(err)
	}
	uploadOne(t, u, last)
}

// TestUploadedKeyIsSealed: the database alone does not reveal a key. Without the file secret.key the certificate is listed and not
// served, until it is uploaded again.
func TestUploadedKeyIsSealed(t *testing.T) {
	c, _ := openForTest(t)
	file := filepath.Join(t.TempDir(), secretKeyFile)
	c.box = secretbox.New(file)
	u := openedUploads(t, c)
	cert := issue(t, "gw.company.ru", 24*time.Hour)
	added := uploadOne(t, u, cert)
	stored, err := c.store.UploadedCertificates(t.Context())
	if err != nil || len(stored) != 1 {
		t.Fatal(stored, err)
	}
	if sealed, err := base64.StdEncoding.DecodeString(stored[0].Sealed); err != nil || bytes.Contains(sealed, []byte("PRIVATE KEY")) || strings.Contains(stored[0].PEM, "PRIVATE KEY") {
		t.Errorf("the key is stored as it is: %v", err)
	}
	for what, spoil := range map[string]func() error{
		"missing": func() error { return os.Remove(file) },
		"damaged": func() error { return os.WriteFile(file, []byte("x\n"), 0o600) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		u = openedUploads(t, c)
		wantCovering(t, u, "gw.company.ru", nil)
		if list := u.Uploaded(); len(list) != 1 || !list[0].KeyLost || list[0].ID != added.ID || len(list[0].Names) != 1 || list[0].Serves != nil {
			t.Errorf("%s: %+v", what, list)
		}
		_ = os.Remove(file) // as the log says
		if again := uploadOne(t, u, cert); again.ID != added.ID || again.KeyLost {
			t.Errorf("%s: %+v", what, again)
		}
		wantCovering(t, u, "gw.company.ru", cert)
	}
	// A damaged row is listed too, and can be removed.
	if _, err := c.store.AddUploadedCertificate(t.Context(), agent.UploadedCertificate{ID: added.ID, PEM: "x", Sealed: "y"}); err != nil {
		t.Fatal(err)
	}
	u = openedUploads(t, c)
	wantCovering(t, u, "gw.company.ru", nil)
	if list := u.Uploaded(); len(list) != 1 || !list[0].KeyLost {
		t.Errorf("%+v", list)
	}
	if err := u.RemoveUploaded(t.Context(), added.ID, "ivanov"); err != nil || len(u.Uploaded()) != 0 {
		t.Error(err)
	}
}
