package web

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"time"

	"ideco-agent/agent"
	"ideco-agent/handlers"
	"ideco-agent/web/certs"
)

// noUploads has no uploaded certificates and takes none.
type noUploads struct{}

func (noUploads) Covering(string, time.Time) *tls.Certificate { return nil }
func (noUploads) Uploaded() []handlers.Uploaded               { return nil }
func (noUploads) Upload(context.Context, [][]byte, string, string) (handlers.Uploaded, error) {
	return handlers.Uploaded{}, agent.ErrNotFound
}
func (noUploads) RemoveUploaded(context.Context, agent.UploadedCertificateID, string) error {
	return agent.ErrNotFound
}

// standingRoot is a root that is never changed.
type standingRoot struct{ authority *certs.Authority }

func (r standingRoot) Root() agent.RootCertificate {
	root, err := x509.ParseCertificate(r.authority.RootDER())
	if err != nil {
		return agent.RootCertificate{}
	}
	sum := sha256.Sum256(root.RawSubjectPublicKeyInfo)
	return agent.RootCertificate{ChainCertificate: certs.DescribeOne(root), Pin: base64.StdEncoding.EncodeToString(sum[:])}
}
func (standingRoot) RootChange() *agent.RootChange              { return nil }
func (standingRoot) AnnounceRoot(context.Context, string) error { return agent.ErrNotFound }
func (standingRoot) CancelRoot(context.Context, string) error   { return agent.ErrNotFound }
