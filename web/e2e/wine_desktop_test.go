//go:build wine

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ideco-agent/agent/needs"
)

// desktop is a virtual screen for a prefix, with a keyboard. Programs share one Windows desktop, so they find each other.
type desktop struct {
	*winePrefix
	peek  string // the program that reads windows
	looks int
	shots int
}

const desktopName, desktopSize = "office", "900x700"

// desktop opens a screen for all programs that the prefix runs from now on.
func (p *winePrefix) desktop() *desktop {
	p.t.Helper()
	for command, debianPackage := range map[string]string{
		"Xvfb": "xvfb", "xdotool": "xdotool", "setxkbmap": "x11-xkb-utils", "import": "imagemagick",
	} {
		needs.Program(p.t, command, debianPackage)
	}
	p.display = startDisplay(p.t)
	d := &desktop{winePrefix: p, peek: buildPeek(p.t)}
	d.x("setxkbmap", "-layout", "us")
	return d
}

// startDisplay starts an X server of its own, which chooses its number and ends with the test.
func startDisplay(t testing.TB) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "1024x768x24", "-nolisten", "tcp")
	cmd.ExtraFiles = []*os.File{w}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		r.Close()
	})
	number, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb: %v", err)
	}
	return ":" + strings.TrimSpace(number)
}

var peekOnce = sync.OnceValues(func() (string, error) {
	file := filepath.Join(filepath.Dir(portalProgram), "peek.exe")
	cmd := exec.Command("go", "build", "-modfile=cmd/ideco-agent/win8.mod", "-o", file, "./web/e2e/peek")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN=go1.20.14", "GOFLAGS=-mod=readonly", "CGO_ENABLED=0", "GOOS=windows", "GOARCH=amd64")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build peek: %w\n%s", err, out)
	}
	return file, nil
})

// buildPeek builds it with the older Go, whose programs every prefix can run.
func buildPeek(t testing.TB) string {
	t.Helper()
	file, err := peekOnce()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// open starts a program on the desktop and leaves it running.
func (d *desktop) open(program string, args ...string) {
	d.t.Helper()
	args = append([]string{"/desktop=" + desktopName + "," + desktopSize, program}, args...)
	cmd := d.command(context.Background(), "explorer", args...)
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	go func() { _ = cmd.Wait() }()
}

// starts starts a program, again if needed, until its window is as wanted: on a busy machine Wine sometimes loses a start. The
// program opens one window, however often it is started.
func (d *desktop) starts(what string, wanted func(control) bool, program string, args ...string) {
	d.t.Helper()
	var asked time.Time
	d.sees(windowTitle, what, func(w control) bool { return w.Visible && wanted(w) }, func() {
		if time.Since(asked) > startPatience {
			d.open(program, args...)
			asked = time.Now()
		}
	})
}

const startPatience = 12 * time.Second

// control is a window or a control in it.
type control struct {
	Class    string    `json:"class"`
	Text     string    `json:"text"`
	Visible  bool      `json:"visible"`
	Enabled  bool      `json:"enabled"`
	Checked  bool      `json:"checked"`
	Focused  bool      `json:"focused"`
	Place    [4]int    `json:"place"` // left, top, right, bottom
	Controls []control `json:"controls"`
}

// find returns the first visible control with the text.
func (c control) find(text string) (control, bool) {
	for _, one := range c.Controls {
		if one.Visible && one.Text == text {
			return one, true
		}
	}
	return control{}, false
}

// button is find, but fails the test if there is none.
func (c control) button(text string) control {
	b, _ := c.find(text)
	return b
}

// says reports whether a text of the window contains this one.
func (c control) says(text string) bool {
	for _, one := range c.Controls {
		if one.Visible && strings.Contains(strings.ReplaceAll(one.Text, "\r\n", "\n"), text) {
			return true
		}
	}
	return false
}

// peekPatience is how long reading the windows may take before it is tried again. A slow answer to the first try still counts.
const peekPatience = patience / 4

func (d *desktop) look(title string) []control {
	d.t.Helper()
	return slices.DeleteFunc(d.peeks(), func(w control) bool { return w.Text != title })
}

// closesAsInstaller closes the windows with a title as Windows does for an installer that replaces their program.
func (d *desktop) closesAsInstaller(title string) {
	d.t.Helper()
	d.peeks(title)
	d.until("the window gives way to the installer", func() bool { return len(d.look(title)) == 0 })
}

// peeks reads all windows by the program peek; more are its further arguments.
func (d *desktop) peeks(args ...string) []control {
	d.t.Helper()
	var files []string
	var asked time.Time
	var windows []control
	d.until("peek at the windows", func() bool {
		if time.Since(asked) > peekPatience { // on a busy machine peek may hang
			d.looks++
			file := filepath.Join(filepath.Dir(d.dir), fmt.Sprintf("look-%d.json", d.looks))
			d.open(windowsPath(d.peek), append([]string{windowsPath(file)}, args...)...)
			files, asked = append(files, file), time.Now()
		}
		return slices.ContainsFunc(files, func(file string) bool {
			b, err := os.ReadFile(file)
			return err == nil && json.Unmarshal(b, &windows) == nil
		})
	})
	return windows
}

// sees waits until a visible window with the title is as wanted.
func (d *desktop) sees(title, what string, wanted func(control) bool, meanwhile ...func()) control {
	d.t.Helper()
	var last []control
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		for _, do := range meanwhile {
			do()
		}
		last = d.look(title)
		for _, w := range last {
			if w.Visible && wanted(w) {
				d.shoot(what)
				return w
			}
		}
	}
	d.shoot("not " + what)
	d.t.Fatalf("%s: there is %+v\nlog of the window:\n%s", what, last, d.windowLog())
	return control{}
}

func (d *desktop) windowLog() string {
	var all strings.Builder
	for _, file := range d.files(`C:\users`) {
		if filepath.Base(file) == "agent.log" {
			b, _ := os.ReadFile(file) // empty if it cannot be read
			all.Write(b)
		}
	}
	return all.String()
}

func (d *desktop) until(what string, is func() bool) {
	d.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			d.shoot("not " + what)
			d.t.Fatalf("%s: it does not come to that", what)
		}
	}
}

func (d *desktop) press(keys ...string) {
	d.t.Helper()
	d.x("xdotool", append([]string{"key", "--delay", "60"}, keys...)...)
}

// types types a text on a US keyboard.
func (d *desktop) types(text string) {
	d.t.Helper()
	d.x("xdotool", "type", "--delay", "30", text)
}

// shoot takes a screenshot if IDECO_SHOTS is set.
func (d *desktop) shoot(what string) {
	d.t.Helper()
	dir := os.Getenv("IDECO_SHOTS")
	if dir == "" {
		return
	}
	d.shots++
	name := strings.NewReplacer("/", "-", " ", "-").Replace(fmt.Sprintf("%s-%02d-%s.png", d.t.Name(), d.shots, what))
	d.x("import", "-window", "root", filepath.Join(dir, name))
}

func (d *desktop) x(program string, args ...string) {
	d.t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "DISPLAY="+d.display)
	if out, err := cmd.CombinedOutput(); err != nil {
		d.t.Fatalf("%s %q: %v\n%s", program, args, err, out)
	}
}
