package certs

import "crypto/tls"

// Source has the certificates for the names and addresses of the gateway. Authority is one.
type Source interface {
	Certificate(name string) (*tls.Certificate, error)
}

// TLSConfig returns a configuration that serves the certificates of a source. min is the lowest TLS version, never below 1.2. name
// returns the name or address in the certificate for a client. ALPN is left to the caller, and the key exchange to Go, whose
// first choice is the hybrid X25519MLKEM768.
func TLSConfig(min uint16, source Source, name func(*tls.ClientHelloInfo) string) *tls.Config {
	return &tls.Config{MinVersion: max(min, tls.VersionTLS12), GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return source.Certificate(name(hello))
	}}
}
