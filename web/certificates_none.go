package web

import (
	"context"
	"crypto/tls"
	"time"

	"ideco-agent/agent"
	"ideco-agent/handlers"
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
