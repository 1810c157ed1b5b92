package web

import (
	"context"
	"crypto/tls"
	"net/http"
	"time"

	"ideco-agent/agent"
	"ideco-agent/handlers"
)

// noOrders orders nothing.
type noOrders struct{}

func (noOrders) Run(ctx context.Context) error                              { <-ctx.Done(); return nil }
func (noOrders) Certificate(string) *tls.Certificate                        { return nil }
func (noOrders) Changed()                                                   {}
func (noOrders) TryNow() (time.Time, bool)                                  { return time.Time{}, true }
func (noOrders) State() []agent.CertificateOrder                            { return nil }
func (noOrders) ServeChallenge(http.ResponseWriter, *http.Request) bool     { return false }
func (noOrders) ChallengeCertificate(*tls.ClientHelloInfo) *tls.Certificate { return nil }

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
