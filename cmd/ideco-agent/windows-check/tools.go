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

// computer runs Windows' tools and collects their output.
type computer struct {
	ctx   context.Context
	work  string // a temporary directory whose files go into the zip
	count int    // of the files in it so far
	wine  bool
}

// output is the result of a tool.
type output struct {
	code int
	text string
	err  error // the tool did not start, or did not end in time
}

// file returns the path for another file that goes into the zip. Its name begins with a number.
func (c *computer) file(name string) string {
	c.count++
	return filepath.Join(c.work, fmt.Sprintf("%03d-%s", c.count, name))
}

// runTool runs a tool that may be run twice. When it does not end it is run a second time, because in Wine on a busy machine
// a program sometimes does not start.
func (c *computer) runTool(name, program string, args ...string) output {
	out := c.run(name, toolTimeout, program, args...)
	if errors.Is(out.err, context.DeadlineExceeded) && c.ctx.Err() == nil {
		out = c.run(name, toolTimeout, program, args...)
	}
	return out
}

// run runs a program to its end and collects its output. The output goes to a file and not to a pipe, because a program
// that stays running in the background would keep a pipe open.
func (c *computer) run(name string, limit time.Duration, program string, args ...string) output {
	file, err := os.Create(c.file(name + ".txt"))
	if err != nil {
		return output{err: err}
	}
	defer file.Close()
	out := c.start(file, limit, program, args...)
	text, err := os.ReadFile(file.Name())
	if out.err == nil {
		out.err = err
	}
	out.text = readable(text)
	return out
}

// start runs a program to its end. to receives the output; nil discards it.
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

// readable converts the output of a console program to UTF-8.
func readable(b []byte) string {
	if bytes.HasPrefix(b, []byte{0xff, 0xfe}) || utf8.Valid(b) {
		return decodeText(b)
	}
	return decodeConsole(b)
}

// registry exports a key with its subkeys; nil when the key does not exist. keep puts the export into the zip.
func (c *computer) registry(key string, keep bool) regTree {
	file := c.file("registry-" + key[strings.LastIndexByte(key, '\\')+1:] + ".reg")
	out := c.runTool("reg-export", "reg.exe", "export", key, file, "/y")
	b, err := os.ReadFile(file)
	if !keep {
		_ = os.Remove(file)
	}
	if out.err != nil || err != nil {
		return nil
	}
	return parseRegistry(b)
}

// values reads single values of a key whose other values are too private for the zip. Texts must be ASCII.
func (c *computer) values(key string, names ...string) regKey {
	k := regKey{}
	for _, name := range names {
		if v, found := parseQuery(c.runTool("registry-"+name, "reg.exe", "query", key, "/v", name).text, name); found {
			k[strings.ToLower(name)] = v
		}
	}
	return k
}

// msiexec runs msiexec with an action such as /i or /x and reads its log. msiexec itself prints nothing.
func (c *computer) msiexec(name, action, msi string, more ...string) (result, installLog) {
	log := c.file(name + ".log")
	args := append([]string{action, msi, "/l*v", log}, more...)
	out := c.start(nil, installTimeout, "msiexec.exe", args...)
	b, err := os.ReadFile(log)
	if out.err != nil {
		return failed(filepath.Base(log)+" in the zip", "%v", out.err), readInstallLog(b)
	}
	l := readInstallLog(b)
	if err != nil && out.code == 0 {
		return failed("the temporary directory", "exit code 0, but no log: %v", err), l
	}
	return judgeInstall(out.code, l, filepath.Base(log)), l
}

// shell evaluates a PowerShell expression and reads its objects. They come as JSON in the file NAME.json, not through the
// console, whose code page depends on the language. The expression must work in PowerShell 3 of Windows 8.
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

// parseObjects reads an array. Windows PowerShell sometimes wraps it in an object with the fields value and Count.
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

// encodeShell encodes a script for -EncodedCommand, so that it needs no quotes on the command line.
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

// enum is a value of an enumeration. ConvertTo-Json writes its number, or its English name, depending on the type.
type enum string

func (e *enum) UnmarshalJSON(b []byte) error {
	*e = enum(strings.Trim(string(b), `"`))
	return nil
}

// is reports whether e is the value with this number and name.
func (e enum) is(number, name string) bool { return string(e) == number || string(e) == name }

// until calls done twice a second until it returns true, and reports whether it did within the limit.
func (c *computer) until(limit time.Duration, done func() bool) bool {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	for !done() {
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
