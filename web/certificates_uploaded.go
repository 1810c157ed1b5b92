package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/secretbox"
	"ideco-agent/agent/store"
	"ideco-agent/handlers"
	"ideco-agent/web/certs"
)

// uploadedCertificates implements uploads. The certificates are in the database, their keys encrypted by box.
type uploadedCertificates struct {
	store   *store.Store
	box     *secretbox.Box
	names   func() []string              // of the gateway
	changed func()                       // called after every change
	record  func(agent.CertificateEvent) // adds to the history
	log     *slog.Logger

	changes sync.Mutex // makes one change at a time
	list    atomic.Pointer[[]uploadedCertificate]
}

// uploadedCertificate is a stored certificate. Without PrivateKey its key is lost, and it is not served. Without Leaf the chain is
// damaged too.
type uploadedCertificate struct {
	agent.UploadedCertificate
	tls.Certificate
}

func openUploads(ctx context.Context, c *certificates) (*uploadedCertificates, error) {
	u := &uploadedCertificates{store: c.store, box: c.box, names: func() []string { return c.settings.Current().Domains() },
		changed: func() { c.orders.Changed() }, record: c.record, log: c.log}
	return u, u.load(ctx)
}

// load reads the stored certificates. A certificate that cannot be served stays in the list, so that an administrator sees it.
func (u *uploadedCertificates) load(ctx context.Context) error {
	stored, err := u.store.UploadedCertificates(ctx)
	if err != nil {
		return err
	}
	list := make([]uploadedCertificate, len(stored))
	for i, one := range stored {
		list[i] = uploadedCertificate{UploadedCertificate: one, Certificate: parseChain(one.PEM)}
		if err := u.openKey(&list[i]); err != nil {
			u.log.Error("an uploaded certificate is not served, because its key cannot be used: restore the file secret.key from a backup, or upload the certificate again (remove a damaged file first)",
				"certificate", one.ID, "error", err)
		}
	}
	u.list.Store(&list)
	return nil
}

// reload reads the stored certificates and the key that encrypts theirs again. After an error the list stays as it is.
func (u *uploadedCertificates) reload(ctx context.Context) error {
	u.changes.Lock()
	defer u.changes.Unlock()
	return u.load(ctx)
}

// parseChain parses a chain in PEM, without its key. The result has no Leaf if the chain is damaged.
func parseChain(text string) (c tls.Certificate) {
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		c.Certificate = append(c.Certificate, block.Bytes)
	}
	if len(c.Certificate) > 0 {
		c.Leaf, _ = x509.ParseCertificate(c.Certificate[0])
	}
	return c
}

// openKey decrypts the private key.
func (u *uploadedCertificates) openKey(c *uploadedCertificate) error {
	if c.Leaf == nil {
		return errors.New("the stored certificate is damaged")
	}
	text, err := u.box.Open(c.Sealed, keyPurpose(c.Leaf))
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair([]byte(c.PEM), []byte(text))
	if err != nil {
		return err
	}
	c.PrivateKey = pair.PrivateKey
	return nil
}

// keyPurpose is the purpose for which the box encrypts the key of a certificate.
func keyPurpose(leaf *x509.Certificate) string {
	return "certificate/" + certs.DescribeOne(leaf).SHA256 + "/key"
}

// Covering returns the certificate for a name that is valid at a time, of several the one with the latest end; nil = none.
func (u *uploadedCertificates) Covering(name string, at time.Time) *tls.Certificate {
	if c := u.covering(name, at); c != nil {
		return &c.Certificate
	}
	return nil
}

func (u *uploadedCertificates) covering(name string, at time.Time) (best *uploadedCertificate) {
	list := *u.list.Load()
	for i := range list {
		c := &list[i]
		if c.PrivateKey == nil || at.Before(c.Leaf.NotBefore) || at.After(c.Leaf.NotAfter) || c.Leaf.VerifyHostname(name) != nil {
			continue
		}
		if best == nil || c.Leaf.NotAfter.After(best.Leaf.NotAfter) {
			best = c
		}
	}
	return best
}

// Uploaded lists the uploaded certificates, the newest first.
func (u *uploadedCertificates) Uploaded() []handlers.Uploaded {
	var out []handlers.Uploaded
	for _, c := range *u.list.Load() {
		out = append(out, u.describe(c))
	}
	return out
}

// describe returns what people see of a stored certificate, with the names that it serves now.
func (u *uploadedCertificates) describe(c uploadedCertificate) handlers.Uploaded {
	out := handlers.Uploaded{ID: c.ID, Added: c.Added, Certificate: certs.Describe(&c.Certificate, agent.SourceUploaded), KeyLost: c.PrivateKey == nil}
	for _, name := range u.names() {
		if serving := u.covering(name, time.Now()); serving != nil && serving.ID == c.ID {
			out.Serves = append(out.Serves, name)
		}
	}
	return out
}

// Upload checks and stores a certificate. The same certificate again replaces the stored one. Errors: agent.Problem.
func (u *uploadedCertificates) Upload(ctx context.Context, files [][]byte, password, by string) (handlers.Uploaded, error) {
	parsed, err := certs.ParseUpload(files, password, u.names(), time.Now())
	if err != nil {
		return handlers.Uploaded{}, err
	}
	c := uploadedCertificate{Certificate: *parsed}
	c.Added = time.Now()
	for _, der := range c.Certificate.Certificate {
		c.PEM += string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		return handlers.Uploaded{}, err
	}
	if c.Sealed, err = u.box.Seal(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})), keyPurpose(c.Leaf)); err != nil {
		return handlers.Uploaded{}, err
	}
	if c.ID, err = u.keep(ctx, c); err != nil {
		return handlers.Uploaded{}, err
	}
	return u.announce(c, agent.EventUploaded, by), nil
}

// keep stores a certificate and serves it from now on. Errors: agent.Problem if it is one too many.
func (u *uploadedCertificates) keep(ctx context.Context, c uploadedCertificate) (agent.UploadedCertificateID, error) {
	u.changes.Lock()
	defer u.changes.Unlock()
	list := *u.list.Load()
	same := slices.IndexFunc(list, func(one uploadedCertificate) bool { return one.Leaf != nil && one.Leaf.Equal(c.Leaf) })
	switch {
	case same >= 0:
		c.ID = list[same].ID
	case len(list) >= agent.MaxUploadedCertificates:
		return 0, agent.Problem{Field: "certificate", Code: agent.UploadedTooMany}
	}
	id, err := u.store.AddUploadedCertificate(ctx, c.UploadedCertificate)
	if err != nil {
		return 0, err
	}
	return id, u.load(context.WithoutCancel(ctx))
}

// RemoveUploaded removes a certificate. Errors: agent.ErrNotFound.
func (u *uploadedCertificates) RemoveUploaded(ctx context.Context, id agent.UploadedCertificateID, by string) error {
	u.changes.Lock()
	defer u.changes.Unlock()
	list := *u.list.Load()
	i := slices.IndexFunc(list, func(one uploadedCertificate) bool { return one.ID == id })
	if i < 0 {
		return fmt.Errorf("uploaded certificate %d: %w", id, agent.ErrNotFound)
	}
	if err := u.store.RemoveUploadedCertificate(ctx, id); err != nil {
		return err
	}
	rest := slices.Delete(slices.Clone(list), i, i+1)
	u.list.Store(&rest)
	u.announce(list[i], agent.EventRemoved, by)
	return nil
}

// announce adds a change to the history, under the first name of the gateway that the certificate has, and calls changed. It returns the
// description of the certificate.
func (u *uploadedCertificates) announce(c uploadedCertificate, event agent.CertificateEventKind, by string) handlers.Uploaded {
	d := u.describe(c)
	e := agent.CertificateEvent{At: time.Now(), Event: event, Source: agent.SourceUploaded, By: by, Detail: agent.Clean(d.Leaf().Issuer, 500)}
	for _, name := range u.names() {
		if e.Name == "" && c.Leaf != nil && c.Leaf.VerifyHostname(name) == nil {
			e.Name = name
		}
	}
	u.record(e)
	u.changed()
	return d
}
