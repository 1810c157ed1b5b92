package handlers

import (
	"context"
	"time"

	"ideco-agent/agent"
)

// Certificates are the gateway's certificates and how it gets them. by is the administrator who changes something.
type Certificates interface {
	// Served lists what the ports serve now, for the domain, the former domains and connections by address.
	Served() []agent.ServedCertificate
	// Orders lists the state of ordering for each name of the gateway, the domain first.
	Orders() []agent.CertificateOrder
	// Order starts ordering now. Errors: agent.Problem, with the minutes to wait, if that would exceed the limits of the CA.
	Order(ctx context.Context) error
	// Ending lists the certificates that end within agent.EndNotice, or have ended, and that nothing will renew.
	Ending() []agent.CertificateEnd
	// History lists the newest events first.
	History(ctx context.Context) ([]agent.CertificateEvent, error)

	// ACME returns the settings, without the key of the external account binding.
	ACME() agent.ACMESettings
	// SetACME changes the settings and starts ordering. Errors: agent.Problems; *agent.CertificateProblem if the change accepts the terms
	// and they cannot be read from the directory.
	SetACME(ctx context.Context, change agent.ACMEChange) error
	// Terms returns the URL of a directory's terms of service; agent.TermsNone if it has none. Errors: *agent.CertificateProblem.
	Terms(ctx context.Context, directory, rootPEM string) (string, error)

	Uploaded() []Uploaded
	// Upload checks and stores a certificate: PEM or PFX (PKCS #12), with its password if it has one. Errors: agent.Problems.
	Upload(ctx context.Context, files [][]byte, password, by string) (Uploaded, error)
	// RemoveUploaded removes an uploaded certificate with its key. Errors: agent.ErrNotFound.
	RemoveUploaded(ctx context.Context, id agent.UploadedCertificateID, by string) error

	Root() agent.RootCertificate
	// RootChange is the announced change; nil = none.
	RootChange() *agent.RootChange
	// AnnounceRoot makes the next root and tells it to the agents. Errors: agent.Problem if one is announced already.
	AnnounceRoot(ctx context.Context, by string) error
	// CancelRoot cancels the announced change and tells the agents.
	CancelRoot(ctx context.Context, by string) error
}

// Uploaded describes an uploaded certificate and its use.
type Uploaded struct {
	ID    agent.UploadedCertificateID
	Added time.Time
	agent.Certificate
	// Serves lists the names of the gateway for which it is served; may be empty.
	Serves []string
	// KeyLost is set if its key can no longer be decrypted. It is not served until it is uploaded again.
	KeyLost bool
}
