package acmetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
)

// signed is a request in JWS (RFC 7515), as ACME uses it.
type signed struct {
	Protected string `json:"protected"`
	Payload   string `json:"payload"`
	Signature string `json:"signature"`
}

// header is the protected header of a request.
type header struct {
	Alg   string          `json:"alg"`
	JWK   json.RawMessage `json:"jwk"`
	KID   string          `json:"kid"`
	Nonce string          `json:"nonce"`
	URL   string          `json:"url"`
}

// decode decodes base64url; nil if the text is none.
func decode(text string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	return b
}

// open parses a JWS without checking its signature.
func open(body []byte) (s signed, h header, err error) {
	if err := json.Unmarshal(body, &s); err != nil {
		return s, h, err
	}
	return s, h, json.Unmarshal(decode(s.Protected), &h)
}

func (s signed) digest() []byte {
	sum := sha256.Sum256([]byte(s.Protected + "." + s.Payload))
	return sum[:]
}

// verify checks an ES256 signature.
func (s signed) verify(key *ecdsa.PublicKey) error {
	sig := decode(s.Signature)
	if len(sig) != 64 || !ecdsa.Verify(key, s.digest(), new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
		return errors.New("JWS verification error")
	}
	return nil
}

// verifyMAC checks an HS256 signature.
func (s signed) verifyMAC(key []byte) bool {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(s.Protected + "." + s.Payload))
	return hmac.Equal(mac.Sum(nil), decode(s.Signature))
}

func parseKey(jwk json.RawMessage) (*ecdsa.PublicKey, error) {
	var k struct{ Crv, X, Y string }
	if err := json.Unmarshal(jwk, &k); err != nil {
		return nil, err
	}
	if k.Crv != "P-256" {
		return nil, fmt.Errorf("unknown curve %q", k.Crv)
	}
	point := append([]byte{4}, append(decode(k.X), decode(k.Y)...)...)
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
}
