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

	// ToldNext returns the pin of the root that follows the one with a pin, and since when it is served; empty if none does.
	ToldNext(pin string) (next string, from time.Time)
	// Sign signs a text by the key of the root with a pin: base64 of ECDSA (ASN.1) over its SHA-256.
	Sign(pin string, text []byte) (string, error)
}

// downloadRoot serves the root certificate as DER, which Windows opens on a double click.
func (s *Site) downloadRoot(c echo.Context) error {
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="ideco-root.crt"`)
	return c.Blob(http.StatusOK, "application/x-x509-ca-cert", s.Root.RootDER())
}

// downloadRootPEM serves the root certificate as PEM.
func (s *Site) downloadRootPEM(c echo.Context) error {
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="ideco-root.pem"`)
	return c.Blob(http.StatusOK, "application/x-pem-file", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Root.RootDER()}))
}

// downloadNextRoot serves the announced root, so that computers can have it before the change.
func (s *Site) downloadNextRoot(c echo.Context) error {
	next := s.Root.NextDER()
	if next == nil {
		return agent.ErrNotFound
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="ideco-root-next.crt"`)
	return c.Blob(http.StatusOK, "application/x-x509-ca-cert", next)
}
