package handlers

import (
	"encoding/json"
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
)

// acmeJSON is what GET /certificates/acme answers. The key of the external account binding is not in it.
type acmeJSON struct {
	Email     string   `json:"email"`
	Directory string   `json:"directory"` // empty = nothing is ordered
	RootPEM   string   `json:"directory_root_pem"`
	EAB       *eabJSON `json:"eab"`   // null = none
	Terms     *string  `json:"terms"` // accepted terms: their URL, or agent.TermsNone; null = not accepted
}

type eabJSON struct {
	KeyID string `json:"key_id"`
}

func (s *Site) restACME(c echo.Context) error {
	now := s.Certificates.ACME()
	out := acmeJSON{Email: now.Email, Directory: now.Directory, RootPEM: now.RootPEM}
	if now.EABKeyID != "" {
		out.EAB = &eabJSON{now.EABKeyID}
	}
	if now.Terms != "" {
		out.Terms = &now.Terms
	}
	return c.JSON(http.StatusOK, out)
}

// restSetACME changes the settings; absent fields keep their values. Without accept_terms the terms of another directory stay
// unaccepted, and nothing is ordered there.
func (s *Site) restSetACME(c echo.Context) error {
	_, body, err := readObject(c)
	if err != nil {
		return err
	}
	now := s.Certificates.ACME()
	change := agent.ACMEChange{Directory: now.Directory, RootPEM: now.RootPEM, Email: now.Email, EABKeyID: now.EABKeyID}
	fields := map[string]any{
		"email":              &change.Email,
		"directory":          &change.Directory,
		"directory_root_pem": (*certificatesField)(&change.RootPEM),
		"eab":                &eabField{&change},
		"accept_terms":       &change.AcceptTerms,
	}
	if err := decodeFields(fields, body, "eab"); err != nil {
		return err
	}
	if err := s.setACME(c, change); err != nil {
		return err
	}
	return s.restACME(c)
}

// eabField is an external account binding; null = none.
type eabField struct{ *agent.ACMEChange }

func (f *eabField) UnmarshalJSON(b []byte) error {
	var eab *struct {
		KeyID   string `json:"key_id"`
		HMACKey string `json:"hmac_key"`
	}
	if err := json.Unmarshal(b, &eab); err != nil {
		return err
	}
	f.EABKeyID, f.EABKey = "", ""
	if eab != nil {
		f.EABKeyID, f.EABKey = eab.KeyID, eab.HMACKey
	}
	return nil
}
