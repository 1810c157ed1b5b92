package client

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
)

// Pin is the SHA-256 digest of the SubjectPublicKeyInfo of a gateway's own root.
type Pin [sha256.Size]byte

// ParsePin reads a pin as the gateway shows it: 44 characters of base64.
func ParsePin(text string) (*Pin, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != sha256.Size || len(text) != base64.StdEncoding.EncodedLen(sha256.Size) { // DecodeString ignores line breaks
		return nil, errors.New("a pin is the base64 text of a SHA-256 digest, 44 characters")
	}
	pin := new(Pin)
	copy(pin[:], b)
	return pin, nil
}

// String returns the pin as ParsePin reads it.
func (p Pin) String() string { return base64.StdEncoding.EncodeToString(p[:]) }

// MarshalText implements encoding.TextMarshaler.
func (p Pin) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Pin) UnmarshalText(text []byte) error {
	read, err := ParsePin(string(text))
	if err == nil {
		*p = *read
	}
	return err
}

// matches reports whether c is the pinned root. It must be self-signed: a forged certificate could have the root's public key
// without its constraints.
func (p Pin) matches(c *x509.Certificate) bool {
	return sha256.Sum256(c.RawSubjectPublicKeyInfo) == p && c.IsCA && c.CheckSignatureFrom(c) == nil
}

// pinnedRoot returns the first certificate of a chain, except the leaf, that matches a pin, and that pin; nil = none.
func pinnedRoot(chain []*x509.Certificate, pins []Pin) (*x509.Certificate, Pin) {
	for i := 1; i < len(chain); i++ {
		for _, p := range pins {
			if p.matches(chain[i]) {
				return chain[i], p
			}
		}
	}
	return nil, Pin{}
}
