package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"ideco-agent/agent/client/gatewaytest"
)

// Problems with the tickets are refusals: the exit code is 3, and the words say what to do. No password is read.
func TestConnectSSORefused(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		c.AnswerVersion("company.ru")
		c.Challenge("s1")
	})
	silent := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) { c.AnswerVersion(); c.Wait() })
	none := "FILE:" + filepath.Join(t.TempDir(), "none")
	for _, c := range []struct {
		g           *gatewaytest.Gateway
		host, cache string
		says        string
	}{
		{g, "localhost", none, "kinit"},
		{g, "localhost", "KCM:", "KRB5CCNAME=FILE:"},
		{g, "127.0.0.1", none, "by its name, not by the address 127.0.0.1"},
		{silent, "localhost", none, "does not offer"},
	} {
		server := c.host + ":" + strconv.Itoa(int(c.g.Port))
		cmd := exec.Command(os.Args[0], "connect", "--server", server, "--sso", "--pin", c.g.Root.Pin())
		cmd.Env = []string{"KRB5CCNAME=" + c.cache}
		if out := startCommand(t, "", cmd).exit(3); !strings.Contains(out, c.says) {
			t.Errorf("%s at %s: %q, want %q", c.cache, c.host, out, c.says)
		}
	}
}
