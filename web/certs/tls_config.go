package certs

import "crypto/tls"

// TLSConfig returns a configuration for a server. min is the lowest version of TLS; below 1.2 it becomes 1.2. The caller adds ALPN. The
// key exchange is Go's default, whose first choice is the hybrid X25519MLKEM768.
func TLSConfig(min uint16, certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{MinVersion: max(min, tls.VersionTLS12), GetCertificate: certificate}
}
