package handlers

import (
	"encoding/pem"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
)

// RootCertificate is the gateway's own root certificate.
type RootCertificate interface {
	RootDER() []byte
	NextDER() []byte          // the announced root; nil = none
	Pin() string              // base64 SHA-256 of its SubjectPublicKeyInfo
	Permits(host string) bool // whether those who have installed it can open the gateway under a name or address

	// Successor returns the pin of the root that replaces, or has replaced, the root with a pin, and when; empty if none does.
	Successor(pin string) (next string, from time.Time)
	// Sign signs a text with the key of the root that has the pin. It returns base64 of an ECDSA signature (ASN.1) over the text's SHA-256.
	Sign(pin string, text []byte) (string, error)
}

// downloadRoot serves the root certificate as DER, which Windows opens on a double click.
func (s *Site) downloadRoot(c echo.Context) error {
	return sendCertificate(c, "ideco-root.crt", "application/x-x509-ca-cert", s.Root.RootDER())
}

// downloadRootPEM serves the root certificate as PEM.
func (s *Site) downloadRootPEM(c echo.Context) error {
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Root.RootDER()})
	return sendCertificate(c, "ideco-root.pem", "application/x-pem-file", text)
}

// downloadNextRoot serves the announced root, so that computers can have it before the change.
func (s *Site) downloadNextRoot(c echo.Context) error {
	next := s.Root.NextDER()
	if next == nil {
		return agent.ErrNotFound
	}
	return sendCertificate(c, "ideco-root-next.crt", "application/x-x509-ca-cert", next)
}

func sendCertificate(c echo.Context, name, contentType string, content []byte) error {
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="`+name+`"`)
	return c.Blob(http.StatusOK, contentType, content)
}
