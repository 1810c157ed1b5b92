package agent

import (
	"encoding/base64"
	"net/mail"
	"net/url"
	"strings"
)

// Limits of ACMEChange.
const (
	maxDirectoryURL = 500
	maxRoots        = 64 << 10 // bytes of PEM
	maxEABKeyID     = 255
	maxEABKey       = 1 << 10 // bytes in base64
)

// Normalize returns a change as it is stored: PEM without comments, the key in base64url. Without a directory only the e-mail address
// stays. The problems name the fields of REST.
func (c ACMEChange) Normalize() (ACMEChange, Problems) {
	trim := strings.TrimSpace
	c.Directory, c.Email, c.EABKeyID, c.EABKey = trim(c.Directory), trim(c.Email), trim(c.EABKeyID), trim(c.EABKey)
	var check settingsCheck
	check.refuse(!isEmail(c.Email), "email", "field_email", Clean(c.Email, 80))
	if c.Directory == "" {
		return ACMEChange{Email: c.Email}, check.problems
	}
	check.refuse(!isDirectoryURL(c.Directory), "directory", "field_acme_directory", Clean(c.Directory, 80))
	check.refuse(len(c.RootPEM) > maxRoots, "directory_root_pem", "field_too_long", "")
	roots, problem := ParseCertificates("directory_root_pem", []byte(c.RootPEM))
	check.refuse(problem.Code != "", problem.Field, problem.Code, problem.Value)
	c.RootPEM = roots
	check.refuse(len(c.EABKeyID) > maxEABKeyID || Clean(c.EABKeyID, maxEABKeyID) != c.EABKeyID, "eab_key_id", "field_acme_eab_key_id", "")
	check.refuse(c.EABKeyID == "" && c.EABKey != "", "eab_key_id", "field_required", "")
	key, ok := normalizeBase64URL(c.EABKey)
	check.refuse(!ok || len(key) > maxEABKey, "eab_hmac_key", "field_acme_eab_key", "")
	c.EABKey = key
	return c, check.problems
}

// isEmail reports whether a text is empty or one e-mail address in ASCII, as CAs take it.
func isEmail(text string) bool {
	if text == "" {
		return true
	}
	a, err := mail.ParseAddress(text)
	return err == nil && a.Address == text && len(text) <= 254 && strings.IndexFunc(text, func(r rune) bool { return r > '~' }) < 0
}

func isDirectoryURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && u.Fragment == "" && len(text) <= maxDirectoryURL
}

// normalizeBase64URL takes either alphabet of base64, with padding or without.
func normalizeBase64URL(text string) (string, bool) {
	text = strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(text), "=")
	key, err := base64.RawURLEncoding.DecodeString(text)
	return base64.RawURLEncoding.EncodeToString(key), err == nil
}
