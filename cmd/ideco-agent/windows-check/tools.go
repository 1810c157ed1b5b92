package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// computer is the Windows that is asked, and what it has said.
type computer struct {
	ctx   context.Context
	work  string // a directory of this run; what lies in it goes into the zip
	count int
	wine  bool
}

// output is what became of a tool.
type output struct {
	code int
	text string
	err  error // it did not start or did not end
}

// file names the next file that goes into the zip.
func (c *computer) file(name string) string {
	c.count++
	return filepath.Join(c.work, fmt.Sprintf("%03d-%s", c.count, name))
}

// ask runs a tool that changes nothing, and runs it again when it does not end: on a busy machine Wine loses a start now
// and then.
func (c *computer) ask(name, program string, args ...string) output {
	out := c.run(name, toolTimeout, program, args...)
	if errors.Is(out.err, context.DeadlineExceeded) && c.ctx.Err() == nil {
		out = c.run(name, toolTimeout, program, args...)
	}
	return out
}

// run runs a program to its end and keeps its output. That goes through a file, because a program that it leaves behind
// would hold a pipe open.
func (c *computer) run(name string, limit time.Duration, program string, args ...string) output {
	file, err := os.Create(c.file(name + ".txt"))
	if err != nil {
		return output{err: err}
	}
	defer file.Close()
	out := c.start(file, limit, program, args...)
	said, err := os.ReadFile(file.Name())
	if out.err == nil {
		out.err = err
	}
	out.text = readable(said)
	return out
}

// start runs a program to its end. to may be nil: nobody reads its output then.
func (c *computer) start(to *os.File, limit time.Duration, program string, args ...string) output {
	ctx, cancel := context.WithTimeout(c.ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, systemProgram(program), args...)
	cmd.Dir = c.work
	if to != nil {
		cmd.Stdout, cmd.Stderr = to, to
	}
	hideWindow(cmd)
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return output{err: fmt.Errorf("%s did not end within %v: %w", program, limit, ctx.Err())}
	case cmd.ProcessState == nil:
		return output{err: fmt.Errorf("%s does not start: %w", program, err)}
	}
	return output{code: cmd.ProcessState.ExitCode()}
}

// readable makes UTF-8 of what a console program printed, in whatever code page.
func readable(b []byte) string {
	if bytes.HasPrefix(b, []byte{0xff, 0xfe}) || utf8.Valid(b) {
		return decodeText(b)
	}
	return decodeConsole(b)
}

// registry exports a key and what is below it; nil when there is no such key. keep says that the export may go into the
// zip.
func (c *computer) registry(key string, keep bool) regTree {
	file := c.file("registry-" + key[strings.LastIndexByte(key, '\\')+1:] + ".reg")
	out := c.ask("reg-export", "reg.exe", "export", key, file, "/y")
	b, err := os.ReadFile(file)
	if !keep {
		_ = os.Remove(file)
	}
	if out.err != nil || err != nil {
		return nil
	}
	return parseRegistry(b)
}

// values asks for some values of a key that has others that nobody else should read. Their texts are ASCII.
func (c *computer) values(key string, names ...string) regKey {
	k := regKey{}
	for _, name := range names {
		if v, is := parseQuery(c.ask("registry-"+name, "reg.exe", "query", key, "/v", name).text, name); is {
			k[strings.ToLower(name)] = v
		}
	}
	return k
}

// msiexec installs, repairs or removes, and gives what the log says. It prints nothing.
func (c *computer) msiexec(name, what, msi string, more ...string) (result, installLog) {
	log := c.file(name + ".log")
	args := append([]string{what, msi, "/l*v", log}, more...)
	out := c.start(nil, installTimeout, "msiexec.exe", args...)
	b, err := os.ReadFile(log)
	if out.err != nil {
		return bad(filepath.Base(log), "%v", out.err), readInstallLog(b)
	}
	l := readInstallLog(b)
	if err != nil && out.code == 0 {
		return bad(filepath.Base(log), "exit code 0, but no log: %v", err), l
	}
	return judgeInstall(out.code, l, filepath.Base(log)), l
}

// shell asks PowerShell for objects, as JSON in a file: not by the console, whose code page is the language's. The script
// is an expression. PowerShell 3 of Windows 8 has all that is used.
func (c *computer) shell(name, expression string, into any) error {
	file := c.file(name + ".json")
	script := "$ErrorActionPreference='Stop'; $ProgressPreference='SilentlyContinue'; ConvertTo-Json -Compress -Depth 4 -InputObject @(" + expression +
		") | Set-Content -Encoding UTF8 -LiteralPath " + quoteShell(file)
	out := c.run(name, shellTimeout, `WindowsPowerShell\v1.0\powershell.exe`,
		"-NoProfile", "-NonInteractive", "-OutputFormat", "Text", "-ExecutionPolicy", "Bypass", "-EncodedCommand", encodeShell(script))
	if out.err != nil {
		return out.err
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("PowerShell, exit code %d: %s", out.code, firstLine(out.text))
	}
	if err := parseObjects(b, into); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(file), err)
	}
	return nil
}

// parseObjects reads an array, which Windows PowerShell sometimes wraps in an object.
func parseObjects(b []byte, into any) error {
	text := []byte(decodeText(b))
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		var wrapped struct {
			Value json.RawMessage `json:"value"`
		}
		if err := json.Unmarshal(text, &wrapped); err != nil {
			return err
		}
		text = wrapped.Value
	}
	return json.Unmarshal(text, into)
}

func quoteShell(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// encodeShell spares the script from command-line quoting.
func encodeShell(script string) string {
	units := utf16.Encode([]rune(script))
	b := make([]byte, 2*len(units))
	for i, u := range units {
		binary.LittleEndian.PutUint16(b[2*i:], u)
	}
	return base64.StdEncoding.EncodeToString(b)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return strings.TrimSpace(line)
}

// enum is a value of an enumeration, which PowerShell prints as a number, or as its English name when it is a long one.
type enum string

func (e *enum) UnmarshalJSON(b []byte) error {
	*e = enum(strings.Trim(string(b), `"`))
	return nil
}

// is tells whether it is the value, by its number or its name.
func (e enum) is(number, name string) bool { return string(e) == number || string(e) == name }

// until asks again until it is so, and tells whether it came to that in time.
func (c *computer) until(limit time.Duration, is func() bool) bool {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline.C:
			return false
		case <-c.ctx.Done():
			return false
		}
	}
	return true
}
