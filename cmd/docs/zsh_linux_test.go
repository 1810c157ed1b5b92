package docs

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ideco-agent/agent/needs"
)

// TestZsh types into a zsh in a terminal. The program is a function that prints its arguments.
func TestZsh(t *testing.T) {
	needs.Program(t, "zsh", "zsh")
	dir := written(t)
	for _, c := range []struct{ locale, typed, want string }{
		{"C.UTF-8", "adm\tcr\t--lo\tx\n", "<admin create --login=x>"},
		{"C.UTF-8", "serve --v\t--lang e\t\n", "<serve --verbose --lang en>"},
		{"C.UTF-8", "--data fi\tbac\tfi\t\n", "<--data file backup file>"},
		{"C.UTF-8", "admin \x04", "Создать"},
		{"en_US.UTF-8", "admin \x04", "Make one"},
		{"en_US.UTF-8", "serve --\x04", "Print `more`, don't ask $HOME"},
	} {
		z := startZsh(t, dir, c.locale)
		z.types("sample-program() { print -r \"<$*>\" }; fpath=($PWD/docs/completion/zsh $fpath); autoload -U compinit; compinit -u -D; PS1='re''ady '\n")
		z.until("ready ") // zsh has prepared the terminal for editing
		z.types("sample-program " + c.typed)
		z.until(c.want)
	}
}

type terminal struct {
	t     *testing.T
	f     *os.File
	shown strings.Builder
}

// startZsh starts a zsh in a new terminal. It ends with the test.
func startZsh(t *testing.T, dir, locale string) *terminal {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(person.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 200}); err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	cmd := exec.CommandContext(t.Context(), "zsh", "-f", "-i")
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TERM=dumb", "LC_ALL=" + locale}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return &terminal{t: t, f: person}
}

func (z *terminal) types(text string) {
	z.t.Helper()
	if _, err := z.f.WriteString(text); err != nil {
		z.t.Fatal(err)
	}
}

// until reads what the terminal shows until the text comes.
func (z *terminal) until(text string) {
	z.t.Helper()
	b := make([]byte, 4096)
	for !strings.Contains(z.shown.String(), text) {
		n, err := z.f.Read(b)
		if err != nil {
			z.t.Fatalf("%v while waiting for %q after %q", err, text, z.shown.String())
		}
		z.shown.Write(b[:n])
	}
}
