// Package certs holds the certificates that the gateway shows: its own root, made at the first start, and the
// certificate for the gateway's names and addresses under it.
//
// What lies in the directory:
//
//	root.pem  the root certificate alone, 0644: the file to download, to install, to pass as --root
//	root.key  its private key, PKCS#8, 0600; no page and no other file ever holds it
//
// The key is made once and never replaced. Who it is follows from it alone: the pin (base64 of the SHA-256 of the
// SubjectPublicKeyInfo), the subject and the SubjectKeyId. So the root can be issued anew at any time, for other names
// or another twenty years, and whoever pinned it notices nothing. A root.pem that was lost is made again; a root.key
// that was lost, is damaged stops the start, with what to do about it.
//
// The root may sign for the names given to SetNames (and, for DNS names, what lies below them) and nothing else: a
// machine that installed it stays safe from whoever steals root.key. Kinds of names that the gateway has none of are
// excluded as a whole, because a constraint on one kind leaves the others free. The other side of that: a machine that
// installed root.pem as it was before a change of names must install it again; a pin goes on as before.
//
// The gateway's own certificate lives 397 days and, with its key, in memory only: each start makes another, and a
// handshake that finds less than a third of its time left, or a clock that was set, renews it.
package certs

import (
	"crypto/tls"
	"errors"
	"fmt"
	"time"
)

// TLSConfig serves the certificate in force from the TLS version min on (never below 1.2). ALPN is the caller's. The
// key exchange is left to Go, whose first choice is the hybrid X25519MLKEM768.
func (a *Authority) TLSConfig(min uint16) *tls.Config {
	return &tls.Config{MinVersion: max(min, tls.VersionTLS12), GetCertificate: a.GetCertificate}
}

// GetCertificate gives the certificate in force, renewed when it is time. It does so for every server name, unknown
// ones and none included: clients that come by address send no name, and which host a request may ask for is decided
// by the HTTP layer, which can answer in words. It fails before the first SetNames.
func (a *Authority) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if current := a.current.Load(); current.fresh(a.now()) {
		return current.leaf, nil
	}
	return a.renew()
}

// renew issues the certificate anew, once however many handshakes ask for it. While the old one is good, a failure (a
// full disk, when the root is due as well) is no reason to turn people away; the next handshake tries again.
func (a *Authority) renew() (*tls.Certificate, error) {
	a.issuing.Lock()
	defer a.issuing.Unlock()
	current := a.current.Load()
	if current.names.empty() {
		return nil, errors.New("the gateway has no name to show a certificate for yet")
	}
	if now := a.now(); !current.fresh(now) {
		err := a.issue(current.names, current.root)
		if err != nil && !covers(current.leaf.Leaf, now) {
			return nil, fmt.Errorf("renew the gateway's certificate: %w", err)
		}
	}
	return a.current.Load().leaf, nil
}

// fresh tells whether the leaf can be shown without a renewal.
func (i *issued) fresh(now time.Time) bool {
	return i.leaf != nil && !now.Before(i.leaf.Leaf.NotBefore) && now.Before(i.renewAt)
}
