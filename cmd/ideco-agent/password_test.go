package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/protocol"
)

// fakeTerminal types lines at prompts.
type fakeTerminal struct {
	lines   []string
	prompts []string
	none    func() // called at a prompt without a line; nil = an error
}

func (t *fakeTerminal) ask(ctx context.Context, _ io.Writer, prompt string) (string, error) {
	t.prompts = append(t.prompts, prompt)
	if len(t.lines) == 0 {
		if t.none != nil {
			t.none()
			<-ctx.Done()
			return "", ctx.Err()
		}
		return "", errors.New("no more lines")
	}
	line := t.lines[0]
	t.lines = t.lines[1:]
	return line, nil
}

// changing starts a gateway that refuses the login with the password old until it is changed to long enough. Then it admits the
// person and ends the session.
func changing(t *testing.T) *gatewaytest.Gateway {
	return gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		c.AnswerVersion()
		for {
			switch m := c.Read().(type) {
			case *protocol.Authorize:
				if m.Password == "old" {
					c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Code: "password_expired", Message: "Expired.", ChangePassword: true})
					continue
				}
				c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, Message: "In with " + m.Password})
				c.End("admin", "Ended with "+m.Password+".")
			case *protocol.ChangePassword:
				switch {
				case m.Password != "old":
					c.AnswerChange(false, "bad_credentials", "Wrong.")
				case m.NewPassword == "short":
					c.AnswerChange(false, "password_rejected", "Too short.")
				default:
					c.AnswerChange(false, protocol.PasswordChanged, "Lock Windows.")
				}
			default:
				return
			}
		}
	})
}

func TestChangePasswordInTerminal(t *testing.T) {
	const again, empty = "Repeat the new password: ", "New password (Enter to keep the old one): "
	for _, c := range []struct {
		name    string
		types   []string
		flags   []string
		code    int
		says    []string // on standard output
		prompts string   // without that for the password
	}{
		{"at the second try", []string{"old", "a", "b", "short", "short", "long enough", "long enough"}, nil, 5,
			[]string{"Expired.", "Too short.", "Lock Windows.", "Ended with long enough."}, empty + again + empty + again + empty + again},
		{"not wanted", []string{"old", ""}, nil, 3, []string{"Expired."}, empty},
		{"asked for", []string{"old", "long enough", "long enough"}, []string{"--change-password"}, 5, []string{"Lock Windows."}, empty + again},
		{"asked for and empty", []string{"old", ""}, []string{"--change-password"}, exitUsage, nil, empty},
		{"the old one is wrong", []string{"other", "x", "x"}, []string{"--change-password"}, 3, []string{"Wrong."}, empty + again},
		{"for a script", []string{"old"}, []string{"--json"}, 3, []string{"Expired."}, ""},
	} {
		g := changing(t)
		person := &fakeTerminal{lines: c.types}
		code, out, stderr := runTyped(t, context.Background(), g, person, c.flags...)
		if code != c.code || len(person.lines) != 0 {
			t.Errorf("%s: exit %d, %q is left: %s%s", c.name, code, person.lines, out, stderr)
		}
		for _, says := range c.says {
			if !strings.Contains(out, says) {
				t.Errorf("%s: no %q in %q", c.name, says, out)
			}
		}
		if got := strings.Join(person.prompts, ""); got != "Password: "+c.prompts {
			t.Errorf("%s: prompts %q", c.name, got)
		}
		if strings.Contains(stderr, "old\n") || strings.Contains(stderr, "long") {
			t.Errorf("%s: %q", c.name, stderr)
		}
	}
}

func runTyped(t *testing.T, ctx context.Context, g *gatewaytest.Gateway, person terminal, flags ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, testTimeout)
	defer cancel()
	var out, diagnostics bytes.Buffer
	args := append([]string{"connect", "--login", "ivanov", "--server", address(g), "--pin", g.Root.Pin(), "--state", t.TempDir()}, flags...)
	code = run(ctx, program{args: args, stdin: strings.NewReader(""), stdout: &out, stderr: &diagnostics, lang: locale.English, terminal: person})
	return code, out.String(), diagnostics.String()
}

// Ctrl+C at a prompt ends the program.
func TestCtrlCAtPrompt(t *testing.T) {
	for _, typed := range [][]string{nil, {"old"}, {"old", "new"}} {
		ctx, stop := context.WithCancel(context.Background())
		if code, out, stderr := runTyped(t, ctx, changing(t), &fakeTerminal{lines: typed, none: stop}); code != exitOK || strings.Contains(stderr, "canceled") {
			t.Errorf("%q: exit %d: %s%s", typed, code, out, stderr)
		}
		stop()
	}
}

// Without a terminal the new password is the second line. Otherwise the program says how to change the password.
func TestChangePasswordByPipe(t *testing.T) {
	const utf16 = "\xff\xfeo\x00l\x00d\x00\n\x00"
	for _, c := range []struct {
		name, stdin string
		flags       []string
		code        int
		says        string // on standard output or error
	}{
		{"expired", "old\nlong enough\n", nil, 3, "run connect in a terminal, or add --change-password"},
		{"changed", "old\r\nlong enough\r\n", []string{"--change-password"}, 5, "Ended with long enough."},
		{"changed, in UTF-16", utf16 + "x\x00", []string{"--change-password"}, 5, "Ended with x."},
		{"rejected", "old\nshort\n", []string{"--change-password"}, 3, "Too short."},
		{"no second line", "old\n", []string{"--change-password"}, exitUsage, "the second line of standard input"},
		{"too long", "old\n" + strings.Repeat("x", maxPasswordLine+1), []string{"--change-password"}, exitUsage, "1024"},
	} {
		g := changing(t)
		p := start(t, c.stdin, connectArgs(g, append(c.flags, "--pin", g.Root.Pin())...)...)
		if all := p.exit(c.code) + p.stderr.String(); !strings.Contains(all, c.says) {
			t.Errorf("%s: %s", c.name, all)
		}
	}
}

// The program does not ask for the password of a server that is not the gateway, or does not answer.
func TestNoPasswordForStranger(t *testing.T) {
	stranger := gatewaytest.New(t, func(int, *gatewaytest.Conn) { t.Error("the program connected to a stranger") })
	stranger.Root = gatewaytest.NewRoot(t, nil)
	person := &fakeTerminal{lines: []string{"secret"}}
	code, out, _ := runTyped(t, context.Background(), stranger, person)
	if code != 4 || len(person.prompts) != 0 || !strings.Contains(out, "has changed") {
		t.Errorf("exit %d, prompts %q: %s", code, person.prompts, out)
	}
	code, out, stderr := runTyped(t, context.Background(), stranger, person, "--json")
	if code != 4 || len(person.prompts) != 0 || !strings.Contains(out, `"code":"not_trusted"`) || !strings.Contains(stderr, "no root that matches a pin") {
		t.Errorf("exit %d, prompts %q: %s%s", code, person.prompts, out, stderr)
	}
	stranger.Port = 1 // nothing listens there
	if code, out, _ = runTyped(t, context.Background(), stranger, person); code != 4 || len(person.prompts) != 0 || !strings.Contains(out, "does not answer") {
		t.Errorf("exit %d, prompts %q: %s", code, person.prompts, out)
	}
}
