package handlers

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
)

// restCertificatesPath takes a certificate. Its requests may be larger than others.
const restCertificatesPath = "/certificates"

// restCertificateUpload adds a certificate: pem is text with the certificate, its key and its issuers; pfx is a PKCS #12 file in base64.
// Both may be given.
func (s *Site) restCertificateUpload(c echo.Context) error {
	var body struct {
		PEM      string `json:"pem"`
		PFX      []byte `json:"pfx"`
		Password string `json:"password"`
	}
	if err := decode(c, &body); err != nil {
		return err
	}
	added, err := s.uploadCertificate(c, [][]byte{[]byte(body.PEM), body.PFX}, body.Password)
	var problem agent.Problem
	if errors.As(err, &problem) && problem.Field != "password" {
		if problem.Field = "pem"; len(body.PEM) == 0 && len(body.PFX) > 0 {
			problem.Field = "pfx"
		}
		return problem
	}
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]agent.UploadedCertificateID{"id": added.ID})
}

func (s *Site) restCertificateRemove(c echo.Context, u Uploaded) error {
	return doneREST(c, s.removeCertificate(c, u))
}
