// Package certs holds the certificates that the gateway shows: its own root, made at the first start, and under it a
// certificate (leaf) for each name or address by which clients reach the gateway.
//
// What lies in the directory:
//
//	root.pem  the root certificate alone, 0644: the file to download, to install, to pass as --root
//	root.key  its private key, PKCS#8, 0600; no page and no other file ever holds it
//
// The key is made once and never replaced. The pin (base64 of the SHA-256 of the SubjectPublicKeyInfo), the subject and the
// SubjectKeyId follow from it alone. So the root can be issued anew at any time, for other names or another twenty years,
// and clients with a pin notice nothing. A root.pem that was lost is made again. A root.key that was lost or is damaged
// stops the start, with what to do about it.
//
// The root permits the saved and former domains (and, for DNS names, what lies below them), localhost, loopback and private
// addresses, and nothing else: somebody who steals root.key cannot sign for other sites on computers that installed the
// root. Addresses of this computer do not stand in it, because they change. Only a new domain changes the root. Computers
// that installed it before then need the new root.pem to open the gateway under the new domain; the names that their root
// permits go on as before, and so do pins.
//
// A leaf carries one name, because verifiers check every name of a leaf against the constraints: one leaf with an old and a
// new name would be refused by those who installed the old root. A client may come to a public address of this computer
// that is no domain and so not permitted by root.pem. Its chain then carries a root that permits the address too. Only
// clients with a pin accept that one.
//
// Leaves live 397 days and, with their keys, in memory only: each start makes others, and a handshake that finds less than a
// third of the time left, or a clock that was set back, renews them.
package certs

import (
	"crypto/tls"
	"time"
)

// TLSConfig serves leaves from the TLS version min on (never below 1.2). name chooses the name or address in the leaf for a
// client. ALPN is up to the caller. The key exchange is left to Go, whose first choice is the hybrid X25519MLKEM768.
func (a *Authority) TLSConfig(min uint16, name func(*tls.ClientHelloInfo) string) *tls.Config {
	return &tls.Config{MinVersion: max(min, tls.VersionTLS12), GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return a.Certificate(name(hello))
	}}
}

// isFresh reports whether a leaf can be shown without a renewal; nil cannot.
func isFresh(leaf *tls.Certificate, now time.Time) bool {
	return leaf != nil && !now.Before(leaf.Leaf.NotBefore) && now.Before(leaf.Leaf.NotAfter.Add(-leafLife/3))
}
