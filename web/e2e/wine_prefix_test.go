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

// prefix is a Windows of its own: a Wine prefix, without a display unless it has a desktop.
type prefix struct {
	t       testing.TB
	dir     string
	display string
}

// newPrefix makes the prefix that the others are copies of.
func newPrefix(t testing.TB) *prefix {
	t.Helper()
	for command, debianPackage := range map[string]string{
		"wine": "wine", "wineserver": "wine",
		"x86_64-w64-mingw32-as": "binutils-mingw-w64-x86-64", "x86_64-w64-mingw32-ld": "binutils-mingw-w64-x86-64",
	} {
		needs.Program(t, command, debianPackage)
	}
	p := &prefix{t: t, dir: filepath.Join(t.TempDir(), "prefix")}
	p.stopAtEnd()
	p.must("wineboot", "-i")
	p.stop()
	return p
}

// as copies a prefix that nothing runs in, and makes the copy the version of Windows that winecfg has this name for.
func (p *prefix) as(t testing.TB, windows string) *prefix {
	t.Helper()
	c := &prefix{t: t, dir: filepath.Join(t.TempDir(), "prefix")}
	if out, err := exec.Command("cp", "-a", p.dir, c.dir).CombinedOutput(); err != nil {
		t.Fatalf("cp -a: %v\n%s", err, out)
	}
	c.stopAtEnd()
	c.must("winecfg", "/v", windows)
	return c
}

// command runs a Windows program in the prefix. Everything that Wine leaves behind, in the home directory and in the one
// for temporary files, lies beside the prefix.
func (p *prefix) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "wine", append([]string{program}, args...)...)
	cmd.Dir, cmd.Env = filepath.Dir(p.dir), p.environment()
	return cmd
}

// environment has a locale, without which Wine loses what is not ASCII in names of files and on command lines.
func (p *prefix) environment() []string {
	beside := filepath.Dir(p.dir)
	return []string{"LC_ALL=C.UTF-8", "DISPLAY=" + p.display, "PATH=" + os.Getenv("PATH"), "HOME=" + beside, "TMPDIR=" + beside, "WINEPREFIX=" + p.dir, "WINEARCH=win64",
		"WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml=;winemenubuilder.exe=d"}
}

// run runs a Windows program to its end and gives its exit code, of which Wine keeps 8 bits, and its output. The output
// goes to a file, because what Wine starts beside the program would hold a pipe open.
func (p *prefix) run(program string, args ...string) (int, string) {
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

// must is run for what has to succeed.
func (p *prefix) must(program string, args ...string) string {
	p.t.Helper()
	code, said := p.run(program, args...)
	if code != 0 {
		p.t.Fatalf("wine %s %q: exit code %d\n%s", program, args, code, said)
	}
	return said
}

// stop ends everything in the prefix, and its registry is written.
func (p *prefix) stop() {
	cmd := exec.Command("wineserver", "-k")
	cmd.Env = p.environment()
	_ = cmd.Run() // it complains when there is nothing to end
}

func (p *prefix) stopAtEnd() { p.t.Cleanup(p.stop) }

// addProcessPrng gives a prefix of Wine 8 the DLL that programs of newer versions of Go need: it forwards the one
// function in it to the function that older ones called.
func (p *prefix) addProcessPrng() {
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

// path is where a file on the prefix's C: lies.
func (p *prefix) path(windows string) string {
	return filepath.Join(p.dir, "drive_c", strings.ReplaceAll(strings.TrimPrefix(windows, `C:\`), `\`, "/"))
}

// windowsPath is how Windows programs name a file of this machine.
func windowsPath(path string) string { return "Z:" + strings.ReplaceAll(path, "/", `\`) }

// files are all files and directories of the prefix's C: below a directory.
func (p *prefix) files(below string) []string {
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

// registry gives the keys below a key, itself included, and their text values; nothing when it does not exist.
func (p *prefix) registry(key string) map[string]map[string]string {
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

// mentions are the keys of the machine's registry that have a word in their names or values.
func (p *prefix) mentions(words ...string) []string {
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
