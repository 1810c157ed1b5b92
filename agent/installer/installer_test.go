package installer

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ideco-agent/agent/needs"
)

const (
	testHost = "gw.example.com"
	testPin  = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
)

// workDir holds the templates that the tests of one run share.
var workDir string

func TestMain(m *testing.M) {
	var err error
	if workDir, err = os.MkdirTemp("", "ideco-installer-test"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(workDir)
	os.Exit(code)
}

// needTools skips the test if the tools that make and read an MSI are missing.
func needTools(tb testing.TB) {
	tb.Helper()
	needs.Program(tb, "wixl", "wixl")
	for _, tool := range []string{"msibuild", "msiinfo", "msiextract"} {
		needs.Program(tb, tool, "msitools")
	}
}

// Two templates with programs of random bytes: a small one, and one with programs as large as the real ones, which has DIFAT
// sectors.
var (
	buildSmall = sync.OnceValues(func() (string, error) { return buildTemplate("small", 20_000) })
	buildLarge = sync.OnceValues(func() (string, error) { return buildTemplate("large", 3_800_000) })
)

// programs returns the paths of the two builds: for Windows 10 and newer, and for Windows 8.
func programs(name string) []string {
	return []string{filepath.Join(workDir, name+".exe"), filepath.Join(workDir, name+"-win8.exe")}
}

// buildTemplate makes a template of two programs of size bytes each.
func buildTemplate(name string, size int) (string, error) {
	out := filepath.Join(workDir, name+".msi")
	for i, exe := range programs(name) {
		program := make([]byte, size)
		rand.NewChaCha8([32]byte{byte(i)}).Read(program)
		if err := os.WriteFile(exe, program, 0o644); err != nil {
			return "", err
		}
	}
	if output, err := exec.Command(script(), append(programs(name), out, "1.2.3")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("installer.sh: %w\n%s", err, output)
	}
	return out, nil
}

func script() string {
	path, err := filepath.Abs("../../cmd/ideco-agent/installer.sh")
	if err != nil {
		panic(err) // no working directory
	}
	return path
}

// templateFile builds a template once and returns its path and bytes.
func templateFile(tb testing.TB, build func() (string, error)) (string, []byte) {
	tb.Helper()
	needTools(tb)
	path, err := build()
	if err != nil {
		tb.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return path, data
}

func openTemplate(tb testing.TB, build func() (string, error)) *Template {
	tb.Helper()
	_, data := templateFile(tb, build)
	template, err := Open(bytes.NewReader(data))
	if err != nil {
		tb.Fatal(err)
	}
	return template
}

func makeMSI(tb testing.TB, template *Template, host, pin string) *MSI {
	tb.Helper()
	msi, err := template.Preset(host, pin)
	if err != nil {
		tb.Fatal(err)
	}
	return msi
}

func content(tb testing.TB, msi *MSI) []byte {
	tb.Helper()
	b, err := io.ReadAll(msi.NewReader())
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// saveMSI writes an MSI to a file, for msiinfo and others.
func saveMSI(tb testing.TB, msi *MSI) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "IdecoAgent.msi")
	if err := os.WriteFile(path, content(tb, msi), 0o644); err != nil {
		tb.Fatal(err)
	}
	return path
}

// run runs a tool and returns its standard output. Any output on standard error fails the test.
func run(tb testing.TB, name string, args ...string) string {
	tb.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Dir = workDir // msiinfo writes the icons of an exported table there
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		tb.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.Bytes())
	}
	return stdout.String()
}

// exportRows returns the rows of a table as msiinfo reads them, with tabs between cells.
func exportRows(tb testing.TB, msi, table string) []string {
	tb.Helper()
	lines := strings.Split(strings.TrimSuffix(run(tb, "msiinfo", "export", msi, table), "\r\n"), "\r\n")
	if len(lines) < 3 {
		tb.Fatalf("msiinfo export %s: %q", table, lines)
	}
	return lines[3:]
}

// exportProperties returns the table Property as msiinfo reads it.
func exportProperties(tb testing.TB, msi string) map[string]string {
	tb.Helper()
	properties := map[string]string{}
	for _, row := range exportRows(tb, msi, "Property") {
		key, value, _ := strings.Cut(row, "\t")
		properties[key] = value
	}
	return properties
}
