package handlers

import (
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

func (s *Site) adminDirectory(c echo.Context, saved agent.DirectorySettings) error {
	return s.directoryPage(c, http.StatusOK, saved, templates.AdminDirectoryData{Form: templates.NewDirectoryForm(saved)}, nil, "")
}

// directoryPage shows one directory with its form. d has the form and the result of its test or search.
func (s *Site) directoryPage(c echo.Context, status int, saved agent.DirectorySettings, d templates.AdminDirectoryData, problems agent.Problems, alert string) error {
	p, l := s.page(c), who(c).L
	p.Path = templates.DirectoryPath(saved.ID) // not the path of the form, which has no GET route
	if alert != "" {
		p.Alert = l.T(alert)
	}
	d.ID, d.Name = saved.ID, saved.Name
	d.PasswordLost = saved.PasswordLost
	d.PasswordStored = saved.ID != 0 && !saved.PasswordLost
	d.Errors = fieldTexts(l, problems)
	d.Trusted = certificatesOf(d.Form.CA)
	d.Keys, d.KeytabLost = saved.KeytabKeys, saved.KeytabLost
	if saved.ID != 0 {
		d.Status = s.Directories.Status(saved.ID)
	}
	if len(d.Keys) > 0 {
		for _, service := range s.Directories.Services(c.Request().Context()) {
			d.Services = append(d.Services, templates.WantedService{Name: service, InFile: agent.HasService(d.Keys, service)})
		}
	}
	return s.render(c, status, templates.AdminDirectory(p, d))
}

// certificatesOf returns the certificates in PEM text. It skips other blocks.
func certificatesOf(text string) (list []agent.DirectoryCertificate) {
	data := []byte(text)
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			return list
		}
		data = rest
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			continue
		}
		sum := sha256.Sum256(cert.Raw)
		list = append(list, agent.DirectoryCertificate{Subject: cmp.Or(cert.Subject.CommonName, cert.Subject.String()),
			Issuer: cmp.Or(cert.Issuer.CommonName, cert.Issuer.String()), Names: cert.DNSNames,
			NotBefore: cert.NotBefore, NotAfter: cert.NotAfter, SHA256: hex.EncodeToString(sum[:]), CA: cert.IsCA, Trusted: true,
			PEM: string(pem.EncodeToMemory(block))})
	}
}
