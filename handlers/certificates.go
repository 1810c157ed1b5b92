package handlers

import (
	"context"
	"time"

	"ideco-agent/agent"
)

// Certificates are the gateway's certificates and how it gets them.
type Certificates interface {
	// Served lists what the ports serve now, for the domain, the former domains and connections by address.
	Served() []agent.ServedCertificate
	// Orders lists the state of ordering for each name of the gateway, the domain first.
	Orders() []agent.CertificateOrder
	// Order starts a try now. Errors: agent.Problem if the limits of the CA do not permit one yet.
	Order(ctx context.Context) error
	// Ending lists the certificates that end within agent.EndNotice, or have ended, and that nothing will renew.
	Ending() []agent.CertificateEnd
	// History lists the newest events first.
	History(ctx context.Context) ([]agent.CertificateEvent, error)

	// ACME returns the settings, without the key of the external account binding.
	ACME() agent.ACMESettings
	// SetACME changes the settings and starts a try. Errors: agent.Problems; *agent.CertificateProblem if the change accepts the terms
	// and the directory does not tell them.
	SetACME(ctx context.Context, change agent.ACMEChange) error
	// Terms asks a directory for the URL of its terms of service; agent.TermsNone if it has none. Errors: *agent.CertificateProblem.
	Terms(ctx context.Context, directory, rootPEM string) (string, error)

	// Uploaded lists the uploaded certificates.
	Uploaded() []Uploaded
	// Upload checks and stores a certificate: PEM or PFX (PKCS #12), with its password if it has one. Errors: agent.Problems.
	Upload(ctx context.Context, files [][]byte, password, by string) (Uploaded, error)
	// RemoveUploaded removes one. Errors: agent.ErrNotFound.
	RemoveUploaded(ctx context.Context, id agent.UploadedCertificateID, by string) error

	Root() agent.RootCertificate
	// RootChange is the announced change; nil = none.
	RootChange() *agent.RootChange
	// AnnounceRoot makes the next root and tells it to the agents. Errors: agent.Problem if one is announced already.
	AnnounceRoot(ctx context.Context, by string) error
	CancelRoot(ctx context.Context, by string) error
}

// Uploaded is an uploaded certificate.
type Uploaded struct {
	ID    agent.UploadedCertificateID
	Added time.Time
	agent.Certificate
	// Serves lists the names of the gateway for which it is served; empty = none.
	Serves []string
	// KeyLost says that its key cannot be decrypted any more, so it is not served until it is uploaded again.
	KeyLost bool
}
