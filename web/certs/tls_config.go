package certs

import "crypto/tls"

// TLSConfig returns a configuration for a server. min is the lowest TLS version, never below 1.2. ALPN is left to the caller, and the
// key exchange to Go, whose first choice is the hybrid X25519MLKEM768.
func TLSConfig(min uint16, certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{MinVersion: max(min, tls.VersionTLS12), GetCertificate: certificate}
}
