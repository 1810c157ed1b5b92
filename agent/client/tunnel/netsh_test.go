package tunnel

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ideco-agent/agent/needs"
)

// The build for Windows 8 has an older winipcfg, whose SetDNS and FlushDNS run netsh and treat its Russian output as an
// error. The linker keeps these methods, because another package looks methods up by name; nothing may call them.
func TestNoNetsh(t *testing.T) {
	program := filepath.Join(t.TempDir(), "IdecoAgent.exe")
	go120 := func(args ...string) ([]byte, error) {
		cmd := exec.Command("go", args...)
		cmd.Dir = filepath.Join("..", "..", "..")
		cmd.Env = append(os.Environ(), "GOTOOLCHAIN=go1.20.14", "GOFLAGS=-mod=readonly", "CGO_ENABLED=0", "GOOS=windows", "GOARCH=amd64")
		return cmd.CombinedOutput()
	}
	if out, err := go120("version"); err != nil {
		needs.Skip(t, "this test needs Go 1.20: %v\n%s", err, out)
	}
	if out, err := go120("build", "-modfile=cmd/ideco-agent/win8.mod", "-o", program, "./cmd/ideco-agent"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	code, err := go120("tool", "objdump", program)
	if err != nil {
		t.Fatal(err)
	}
	const winipcfg = "golang.zx2c4.com/wireguard/windows/tunnel/winipcfg."
	functions, caller := 0, ""
	for lines := bufio.NewScanner(bytes.NewReader(code)); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "TEXT ") {
			caller = strings.Fields(line)[1]
			functions++
			continue
		}
		_, called, found := strings.Cut(line, winipcfg)
		if found && !strings.HasPrefix(caller, winipcfg) && (strings.Contains(called, "SetDNS") || strings.Contains(called, "FlushDNS")) {
			t.Errorf("%s uses %s", caller, called)
		}
	}
	if functions < 1000 {
		t.Errorf("%d functions seen", functions)
	}
}
