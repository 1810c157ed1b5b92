package e2e

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestUnreachableDirectory: while a directory is away its people cannot log in, and nothing changes for anybody else. It is
// still known after a restart.
func TestUnreachableDirectory(t *testing.T) {
	t.Parallel()
	const password = "Pa55word-of-the-search-account"
	g := startGateway(t)
	admin := g.administrator()
	admin.must("PUT", "/agent_backend/wireguard/state", map[string]bool{"enabled": true}, nil)
	admin.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"local_networks": []string{"127.0.0.0/8"}}, nil)
	admin.user(map[string]any{"login": "ivanov"})
	logins := func(when string, wanted map[string]string) {
		t.Helper()
		n := 10
		for login, code := range wanted {
			n++
			r := g.wire(fmt.Sprintf("127.0.0.%d", n)).ask(authorize(login, userPassword, "d-"+login))
			if r.Code != code || r.Authorized != (code == "") || code == "directory_unreachable" && !strings.Contains(r.Message, "company.ru") {
				t.Errorf("%s: %s: %+v", when, login, r)
			}
		}
	}
	logins("without a directory", map[string]string{"ivanov": "", "petrov": "bad_credentials", "petrov@company.ru": "bad_credentials"})

	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	var created struct{ ID int }
	admin.must("POST", "/ad_backend/domains", map[string]any{"name": "company.ru", "user": "search@company.ru", "password": password,
		"controllers": []string{closed.Addr().String()}}, &created)
	away := map[string]string{"ivanov": "", "petrov": "directory_unreachable", "petrov@company.ru": "directory_unreachable",
		"petrov@branch.ru": "bad_credentials"}
	logins("with a directory", away)
	path := fmt.Sprint("/ad_backend/domains/", created.ID)
	if status, body := admin.call("PUT", path, map[string]any{"controllers": []string{"127.0.0.1:636"}}); status != 542 ||
		!strings.Contains(string(body), "field_directory_password") {
		t.Errorf("another controller without the password: %d %s", status, body)
	}
	if status, body := admin.call("GET", "/ad_backend/domains", nil); status != http.StatusOK || bytes.Contains(body, []byte(password)) {
		t.Errorf("%d %s", status, body)
	}

	g.kill(syscall.SIGTERM)
	key := filepath.Join(g.data, "secret.key")
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v", info, err)
	}
	for _, name := range []string{"ideco.db", "ideco.db-wal", "secret.key"} {
		if content, err := os.ReadFile(filepath.Join(g.data, name)); err == nil && bytes.Contains(content, []byte(password)) {
			t.Errorf("%s has the password", name)
		}
	}
	g.startAgain()
	logins("after a restart", away)

	g.kill(syscall.SIGTERM)
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	g.startAgain()
	logins("without the key file", away)
	if log := g.log.String(); !strings.Contains(log, "cannot be decrypted") || strings.Contains(log, password) {
		t.Error("the log does not say that the password is lost, or has it")
	}
	admin.must("PUT", path, map[string]any{"password": password}, nil)
	admin.must("DELETE", path, nil, nil)
	logins("deleted", map[string]string{"ivanov": "", "petrov": "bad_credentials", "petrov@company.ru": "bad_credentials"})
}
