package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"ideco-agent/agent/netlab"

	// go test must not use a cached result when the sources of the programs change.
	_ "ideco-agent/agent/client"
	_ "ideco-agent/web"
)

// The programs under test, built once.
var portalProgram, agentProgram string

// programsVariable names their directory to this program when a test starts it in another namespace.
const programsVariable = "IDECO_E2E_PROGRAMS"

func TestMain(m *testing.M) {
	if otherRoles() {
		return
	}
	netlab.SetParallel(4)
	code, err := build(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func build(m *testing.M) (int, error) {
	dir := os.Getenv(programsVariable)
	built := dir != ""
	if !built {
		var err error
		if dir, err = os.MkdirTemp("", "ideco-e2e-"); err != nil {
			return 0, err
		}
		defer os.RemoveAll(dir)
		if err := os.Setenv(programsVariable, dir); err != nil {
			return 0, err
		}
	}
	for program, to := range map[string]*string{"ideco-portal": &portalProgram, "ideco-agent": &agentProgram} {
		if *to = filepath.Join(dir, program); built {
			continue
		}
		cmd := exec.Command("go", "build", "-o", *to, "./cmd/"+program)
		cmd.Dir = filepath.Join("..", "..")
		if out, err := cmd.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("build %s: %w\n%s", program, err, out)
		}
	}
	return runTests(m), nil
}
