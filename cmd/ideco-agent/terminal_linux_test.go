package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// openTerminal returns both ends of a new pseudo terminal.
func openTerminal(t *testing.T) (person, program *os.File) {
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
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

// echoes reports whether a terminal shows what is typed.
func echoes(t *testing.T, f *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// startIn starts the program with a terminal as standard input and error.
func startIn(t *testing.T, tty *os.File, cmd *exec.Cmd) *process {
	t.Helper()
	cmd.Stderr = tty
	return startReading(t, tty, &process{t: t, cmd: cmd})
}

// The program asks in a real terminal, which does not show the passwords, and shows typed text again after Ctrl+C.
func TestRealTerminal(t *testing.T) {
	person, tty := openTerminal(t)
	g := changing(t)
	cmd := exec.Command(os.Args[0], connectArgs(g, "--pin", g.Root.Pin(), "--lang", "en")...)
	p := startIn(t, tty, cmd)
	shown := bufio.NewReader(person)
	var all strings.Builder
	until := func(text string) {
		t.Helper()
		for !strings.HasSuffix(all.String(), text) {
			b, err := shown.ReadByte()
			if err != nil {
				t.Fatalf("%v after %q", err, all.String())
			}
			all.WriteByte(b)
		}
	}
	for _, c := range []struct{ prompt, types string }{
		{"Password: ", "old"}, {"keep the old one): ", "secret-Ж"}, {"Repeat the new password: ", "secret-Ж"},
	} {
		until(c.prompt)
		for echoes(t, tty) { // the prompt comes just before
		}
		if _, err := person.WriteString(c.types + "\n"); err != nil {
			t.Fatal(err)
		}
	}
	if out := p.exit(5); !strings.Contains(out, "Ended with secret-Ж.") {
		t.Error(out)
	}
	if strings.Contains(all.String(), "secret") || strings.Contains(all.String(), "old\r") {
		t.Errorf("shown: %q", all.String())
	}

	again := startIn(t, tty, exec.Command(os.Args[0], connectArgs(g, "--pin", g.Root.Pin())...))
	for echoes(t, tty) {
	}
	if err := again.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	again.exit(exitOK)
	if !echoes(t, tty) {
		t.Error("the terminal does not show typed text any more")
	}
}
