package web

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"

	"ideco-agent/agent"
	"ideco-agent/web/certs"
)

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
