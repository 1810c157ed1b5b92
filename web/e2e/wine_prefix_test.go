//go:build wine

package e2e

import (
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"ideco-agent/agent/needs"
)

// winePrefix is a Wine prefix, without a display unless it has a desktop.
type winePrefix struct {
	t       testing.TB
	dir     string
	display string
}

// newPrefix creates the prefix that others are copied from.
func newPrefix(t testing.TB) *winePrefix {
	t.Helper()
	for command, debianPackage := range map[string]string{
		"wine": "wine", "wineserver": "wine",
		"x86_64-w64-mingw32-as": "binutils-mingw-w64-x86-64", "x86_64-w64-mingw32-ld": "binutils-mingw-w64-x86-64",
	} {
		needs.Program(t, command, debianPackage)
	}
	p := &winePrefix{t: t, dir: filepath.Join(t.TempDir(), "prefix")}
	p.stopAtEnd()
	p.must("wineboot", "-i")
	p.stop()
	return p
}

// copyAs copies a prefix in which nothing runs, and sets the copy's Windows version; windows is a name as in winecfg.
func (p *winePrefix) copyAs(t testing.TB, windows string) *winePrefix {
	t.Helper()
	c := &winePrefix{t: t, dir: filepath.Join(t.TempDir(), "prefix")}
	if out, err := exec.Command("cp", "-a", p.dir, c.dir).CombinedOutput(); err != nil {
		t.Fatalf("cp -a: %v\n%s", err, out)
	}
	c.stopAtEnd()
	c.must("winecfg", "/v", windows)
	return c
}

// command runs a Windows program in the prefix. Its home and temporary directories are beside the prefix.
func (p *winePrefix) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "wine", append([]string{program}, args...)...)
	cmd.Dir, cmd.Env = filepath.Dir(p.dir), p.environment()
	return cmd
}

// environment sets a locale, without which Wine drops non-ASCII characters in file names and command lines.
func (p *winePrefix) environment() []string {
	beside := filepath.Dir(p.dir)
	return []string{"LC_ALL=C.UTF-8", "DISPLAY=" + p.display, "PATH=" + os.Getenv("PATH"), "HOME=" + beside, "TMPDIR=" + beside, "WINEPREFIX=" + p.dir, "WINEARCH=win64",
		"WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml=;winemenubuilder.exe=d"}
}

// run runs a Windows program to its end and returns its exit code, of which Wine keeps 8 bits, and its output. The output goes
// to a file, because Wine's background processes would hold a pipe open.
func (p *winePrefix) run(program string, args ...string) (int, string) {
	p.t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), 2*patience)
	defer stop()
	output, err := os.CreateTemp(filepath.Dir(p.dir), "output-*")
	if err != nil {
		p.t.Fatal(err)
	}
	defer output.Close()
	cmd := p.command(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = output, output
	err = cmd.Run()
	said, readErr := os.ReadFile(output.Name())
	if cmd.ProcessState == nil || ctx.Err() != nil || readErr != nil {
		p.t.Fatalf("wine %s %q: %v, %v\n%s", program, args, err, readErr, said)
	}
	return cmd.ProcessState.ExitCode(), string(said)
}

func (p *winePrefix) must(program string, args ...string) string {
	p.t.Helper()
	code, said := p.run(program, args...)
	if code != 0 {
		p.t.Fatalf("wine %s %q: exit code %d\n%s", program, args, code, said)
	}
	return said
}

func (p *winePrefix) stop() {
	cmd := exec.Command("wineserver", "-k")
	cmd.Env = p.environment()
	_ = cmd.Run() // fails if no process runs
}

func (p *winePrefix) stopAtEnd() { p.t.Cleanup(p.stop) }

// addProcessPrng adds a DLL that programs of newer Go versions need and Wine 8 lacks. It forwards its only function to the one
// that older versions called.
func (p *winePrefix) addProcessPrng() {
	p.t.Helper()
	dir := p.t.TempDir()
	for name, text := range map[string]string{
		"forward.s":   ".text\n.globl DllMain\nDllMain:\n movl $1, %eax\n ret\n",
		"forward.def": "LIBRARY bcryptprimitives.dll\nEXPORTS\n  ProcessPrng = advapi32.SystemFunction036\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
	for _, tool := range [][]string{
		{"x86_64-w64-mingw32-as", "forward.s", "-o", "forward.o"},
		{"x86_64-w64-mingw32-ld", "-shared", "--subsystem", "windows", "-e", "DllMain", "--strip-all", "-o",
			p.path(`C:\windows\system32\bcryptprimitives.dll`), "forward.o", "forward.def"},
	} {
		cmd := exec.Command(tool[0], tool[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			p.t.Fatalf("%s: %v\n%s", tool[0], err, out)
		}
	}
}

// path returns the path of a file on the prefix's C:.
func (p *winePrefix) path(windows string) string {
	return filepath.Join(p.dir, "drive_c", strings.ReplaceAll(strings.TrimPrefix(windows, `C:\`), `\`, "/"))
}

func windowsPath(path string) string { return "Z:" + strings.ReplaceAll(path, "/", `\`) }

// files returns all files and directories below a directory of the prefix's C:.
func (p *winePrefix) files(below string) []string {
	p.t.Helper()
	var list []string
	err := filepath.WalkDir(p.path(below), func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			list = append(list, path)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.t.Fatal(err)
	}
	return list
}

// registry returns a key and the keys below it with their text values; nothing if it does not exist.
func (p *winePrefix) registry(key string) map[string]map[string]string {
	p.t.Helper()
	file := filepath.Join(filepath.Dir(p.dir), "export.reg")
	if code, said := p.run("reg", "export", key, windowsPath(file), "/y"); code == 1 {
		return nil
	} else if code != 0 {
		p.t.Fatalf("reg export %s: exit code %d\n%s", key, code, said)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		p.t.Fatal(err)
	}
	return parseRegistry(b)
}

// parseRegistry reads what reg export writes, in UTF-16.
func parseRegistry(b []byte) map[string]map[string]string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	unescape := strings.NewReplacer(`\\`, `\`, `\"`, `"`)
	keys := map[string]map[string]string{}
	var values map[string]string
	for line := range strings.Lines(string(utf16.Decode(units))) {
		line = strings.TrimSpace(line)
		if key, ok := strings.CutPrefix(line, "["); ok {
			values = map[string]string{}
			keys[strings.TrimSuffix(key, "]")] = values
		} else if name, value, ok := strings.Cut(line, `"="`); ok && values != nil {
			values[strings.TrimPrefix(name, `"`)] = unescape.Replace(strings.TrimSuffix(value, `"`))
		}
	}
	return keys
}

// mentions returns the keys of the machine's registry that contain a word in their names or values.
func (p *winePrefix) mentions(words ...string) []string {
	p.t.Helper()
	var list []string
	for key, values := range p.registry(`HKLM\Software`) {
		text := strings.Join(append(slices.Collect(maps.Values(values)), key), "\n")
		if slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) }) {
			list = append(list, key)
		}
	}
	return list
}
