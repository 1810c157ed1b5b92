package e2e

import (
	"crypto/tls"
	"strings"
	"syscall"
	"testing"
)

// TestLogLevel: errors of strangers are logged at debug level only.
func TestLogLevel(t *testing.T) {
	t.Parallel()
	for level, logged := range map[string]bool{"debug": true, "info": false} {
		g := startGateway(t, "--tunnel", "off", "--log-level", level)
		for _, server := range []string{g.where.Portal[0], g.where.Agents[0]} {
			if conn, err := tls.Dial("tcp", server, &tls.Config{RootCAs: g.roots(), NextProtos: []string{"h2"}}); err == nil {
				_ = conn.Close()
				t.Errorf("%s takes HTTP/2", server)
			}
		}
		g.kill(syscall.SIGTERM)
		if n := strings.Count(g.log.String(), "TLS handshake error"); logged != (n == 2) || !logged && n > 0 {
			t.Errorf("%s: %d lines about handshakes:\n%s", level, n, g.log)
		}
	}
}
