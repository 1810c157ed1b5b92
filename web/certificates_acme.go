package web

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"

	"golang.org/x/crypto/acme"

	"ideco-agent/agent"
	"ideco-agent/agent/secretbox"
	"ideco-agent/web/certs"
)

// ACME returns the settings, without the key of the external account binding.
func (c *certificates) ACME() agent.ACMESettings {
	s := c.settings.Current().ACME
	s.EABSealed = ""
	return s
}

// SetACME changes the settings and starts a try. Terms that were accepted for another directory do not count. Errors: agent.Problems,
// and *agent.CertificateProblem if the terms are to be accepted and the directory does not tell them.
func (c *certificates) SetACME(ctx context.Context, change agent.ACMEChange) error {
	change, problems := change.Normalize()
	if len(problems) > 0 {
		return problems
	}
	terms, err := c.acceptedTerms(ctx, change)
	if err != nil {
		return err
	}
	same := false
	err = c.settings.Update(ctx, func(s *agent.Settings) error {
		sealed, err := c.sealEAB(change, s.ACME)
		if err != nil {
			return err
		}
		before := s.ACME
		if change.Directory != before.Directory {
			s.ACME.Terms = ""
		}
		if terms != "" {
			s.ACME.Terms = terms
		}
		s.ACME.Directory, s.ACME.RootPEM, s.ACME.Email = change.Directory, change.RootPEM, change.Email
		s.ACME.EABKeyID, s.ACME.EABSealed = change.EABKeyID, sealed
		same = s.ACME == before
		return nil
	})
	if err == nil && same { // otherwise the change starts it
		c.orders.TryNow()
	}
	return err
}

// acceptedTerms returns the terms that a change accepts; empty = none.
func (c *certificates) acceptedTerms(ctx context.Context, change agent.ACMEChange) (string, error) {
	if !change.AcceptTerms || change.Directory == "" {
		return "", nil
	}
	return c.Terms(ctx, change.Directory, change.RootPEM)
}

// sealEAB returns the encrypted key for the settings after a change; empty = no external account binding.
func (c *certificates) sealEAB(change agent.ACMEChange, before agent.ACMESettings) (string, error) {
	switch {
	case change.EABKeyID == "":
		return "", nil
	case change.EABKey != "":
		return c.box.Seal(change.EABKey, eabPurpose(change.Directory, change.EABKeyID))
	case before.EABSealed == "" || change.Directory != before.Directory || change.EABKeyID != before.EABKeyID:
		return "", agent.Problems{{Field: "eab_hmac_key", Code: "field_required"}}
	}
	return before.EABSealed, nil
}

// eabPurpose is the purpose for which the box encrypts the key of an external account binding.
func eabPurpose(directory, keyID string) string { return "acme/eab/" + keyID + "/" + directory }

// Terms asks a directory for the URL of its terms of service. Errors: *agent.CertificateProblem.
func (c *certificates) Terms(ctx context.Context, directory, rootPEM string) (string, error) {
	return certs.Terms(ctx, directory, poolOf(rootPEM))
}

// orderSettings returns the settings for certs.Orders.
func (c *certificates) orderSettings() certs.OrderSettings {
	a := c.settings.Current().ACME
	s := certs.OrderSettings{Directory: a.Directory, Roots: poolOf(a.RootPEM), Email: a.Email, Terms: a.Terms}
	if a.EABKeyID == "" {
		return s
	}
	key, err := c.openEAB(a)
	if err != nil {
		if !errors.Is(err, secretbox.ErrLost) {
			c.log.Error("the key of the external account binding cannot be read", "error", err)
		}
		s.EAB, s.EABLost = &acme.ExternalAccountBinding{KID: a.EABKeyID}, true
		return s
	}
	s.EAB = &acme.ExternalAccountBinding{KID: a.EABKeyID, Key: key}
	return s
}

func (c *certificates) openEAB(a agent.ACMESettings) ([]byte, error) {
	text, err := c.box.Open(a.EABSealed, eabPurpose(a.Directory, a.EABKeyID))
	if err != nil {
		return nil, err
	}
	return base64.RawURLEncoding.DecodeString(text)
}

// poolOf returns the certificates of a PEM text; nil = those of the system.
func poolOf(text string) *x509.CertPool {
	if text == "" {
		return nil
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(text))
	return pool
}
