package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/alecthomas/kong"
)

// runProgram runs the program in a language and returns its output and exit code.
func runProgram(t *testing.T, locale string, env []string, args ...string) (out string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append([]string{runVariable + "=1", "LANG=" + locale}, env...)
	b, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(b), cmd.ProcessState.ExitCode()
}

// TestUsageErrors: a wrong command line prints what is wrong, one line of usage and how to get help, in both languages. Nothing is
// written before that.
func TestUsageErrors(t *testing.T) {
	for _, c := range []struct {
		env    string
		line   string
		en, ru string
		usage  string
		help   string
	}{
		{"", "", `expected one of "serve", "firewall", "admin", "backup", "restore", ...`, `нужно одно из: "serve", "firewall", "admin", "backup", "restore", ...`, "<command> [flags]", ""},
		{"", "admin", `expected one of "create", "reset"`, `нужно одно из: "create", "reset"`, "admin <command> [flags]", "admin"},
		{"", "admin create", "missing flags: --login", "не хватает ключей: --login", "admin create --login LOGIN", "admin create"},
		{"", "admin create --login", "--login: expected a value", "--login: нужно значение", "admin create --login LOGIN", "admin create"},
		{"", "backup", `expected "<file>"`, `нужно: "<файл>"`, "backup <file> [flags]", "backup"},
		{"", "serv", `unknown command serv, did you mean "serve"?`, `неизвестная команда serv; может быть, "serve"?`, "<command> [flags]", ""},
		{"", "admin password", "unknown command password", "неизвестная команда password", "admin <command> [flags]", "admin"},
		{"", "serve --data=", "--data: expected a value", "--data: нужно значение", "serve [flags]", "serve"},
		{"", "serve --tunnel-name a/b", `"a/b" cannot name the tunnel: use 1 to 15 letters`, `туннель нельзя назвать "a/b": нужно от 1 до 15 латинских букв`, "serve [flags]", "serve"},
		{"IDECO_TUNNEL_NAME=sixteen-letters0", "serve", `"sixteen-letters0" cannot name the tunnel`, `туннель нельзя назвать "sixteen-letters0"`, "serve [flags]", "serve"},
		{"", "serve --wrong", "unknown flag --wrong", "неизвестный ключ --wrong", "serve [flags]", "serve"},
		{"", "serve more", "unexpected argument more", "лишнее в командной строке: more", "serve [flags]", "serve"},
		{"", "serve --wireguard-port 99999", `--wireguard-port: expected a number from 0 to 65535 but got "99999"`, `--wireguard-port: нужно число от 0 до 65535, указано "99999"`, "serve [flags]", "serve"},
		{"IDECO_WIREGUARD_PORT=abc", "serve", `IDECO_WIREGUARD_PORT: expected a number from 0 to 65535 but got "abc"`, `IDECO_WIREGUARD_PORT: нужно число от 0 до 65535, указано "abc"`, "serve [flags]", "serve"},
		{"IDECO_TUNNEL=x", "serve", `IDECO_TUNNEL must be one of "auto","kernel","tun","netstack","off" but got "x"`, `IDECO_TUNNEL может быть одним из "auto","kernel","tun","netstack","off", указано "x"`, "serve [flags]", "serve"},
		{"IDECO_TUNNEL=off", "serve --tunnel y", `--tunnel must be one of`, `--tunnel может быть одним из`, "serve [flags]", "serve"},
		{"", "serve --portal-listen", "--portal-listen: expected a value", "--portal-listen: нужно значение", "serve [flags]", "serve"},
		{"", "serve --portal-listen foo", `"foo" is not an address to listen on: give host and port, for instance :8443 (--portal-listen or IDECO_PORTAL_LISTEN)`,
			`"foo" — не адрес для приёма подключений: укажите адрес и порт, например :8443 (--portal-listen или IDECO_PORTAL_LISTEN)`, "serve [flags]", "serve"},
		{"IDECO_AGENT_LISTEN=:99999", "serve", `":99999" is not an address to listen on: a port is a number from 0 to 65535 (--agent-listen or IDECO_AGENT_LISTEN)`,
			`":99999" — не адрес для приёма подключений: порт — это число от 0 до 65535 (--agent-listen или IDECO_AGENT_LISTEN)`, "serve [flags]", "serve"},
		{"", "serve --http-listen no/host:80", "the name no/host is not known here", "имя no/host здесь не известно", "serve [flags]", "serve"},
		{"", "serve --http-listen 127.0.0.1:8443", "--portal-listen :8443 and --http-listen 127.0.0.1:8443 are the same port", "--portal-listen :8443 и --http-listen 127.0.0.1:8443 — один и тот же порт", "serve [flags]", "serve"},
	} {
		data := filepath.Join(t.TempDir(), "data")
		env := []string{"IDECO_DATA=" + data}
		if c.env != "" {
			env = append(env, c.env)
		}
		for _, lang := range []struct{ locale, says, usage, help string }{
			{"en_US.UTF-8", c.en, "Usage: ideco-portal " + c.usage, "Try: " + strings.TrimSpace("ideco-portal "+c.help) + " --help"},
			{"ru_RU.UTF-8", c.ru, "Использование: ideco-portal " + strings.NewReplacer("<command>", "<команда>", "<file>", "<файл>", "[flags]", "[ключи]").Replace(c.usage),
				"Справка: " + strings.TrimSpace("ideco-portal "+c.help) + " --help"},
		} {
			out, code := runProgram(t, lang.locale, env, strings.Fields(c.line)...)
			lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
			if code != exitUsage || len(lines) != 3 || !strings.HasPrefix(lines[0], "ideco-portal: ") || !strings.Contains(lines[0], lang.says) ||
				lines[1] != lang.usage || lines[2] != lang.help {
				t.Errorf("%s %q: exit code %d:\n%s", c.env, c.line, code, out)
			}
		}
		if _, err := os.Stat(data); err == nil {
			t.Errorf("%s %q made the data directory", c.env, c.line)
		}
	}
}

// TestListenErrors: a listen address that is not to be had here is found before anything is written.
func TestListenErrors(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	udp, err := net.ListenPacket("udp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	_, udpPort, _ := net.SplitHostPort(udp.LocalAddr().String())
	free := "--portal-listen 127.0.0.1:0 --agent-listen 127.0.0.1:0 --http-listen 127.0.0.1:0 "
	for _, c := range []struct{ line, says string }{
		{free + "--portal-listen 192.0.2.1:0", "cannot listen on 192.0.2.1:0: this computer does not have that address; choose another address, for instance :8443 (--portal-listen or IDECO_PORTAL_LISTEN)"},
		{free + "--agent-listen " + busy.Addr().String(), "cannot listen on " + busy.Addr().String() + ": another program listens there; end it or choose another port (--agent-listen or IDECO_AGENT_LISTEN)"},
		{free + "--wireguard-port " + udpPort, "the tunnel cannot use the UDP port " + udpPort + ": another program listens there"},
	} {
		data := filepath.Join(t.TempDir(), "data")
		out, code := runProgram(t, "en_US.UTF-8", []string{"IDECO_DATA=" + data}, append([]string{"serve"}, strings.Fields(c.line)...)...)
		if code != 1 || !strings.Contains(out, c.says) || strings.Contains(out, "bind:") {
			t.Errorf("%q: exit code %d: %s", c.line, code, out)
		}
		if _, err := os.Stat(data); err == nil {
			t.Errorf("%q made the data directory", c.line)
		}
	}
}

// TestErrorsOfFiles: errors of files and databases are in the language of the locale, say what to do, and name no system call.
func TestErrorsOfFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	file, damaged := filepath.Join(dir, "file"), filepath.Join(dir, "damaged")
	for _, err := range []error{os.WriteFile(file, []byte("x"), 0o600), os.Mkdir(damaged, 0o700),
		os.WriteFile(filepath.Join(damaged, "ideco.db"), bytes.Repeat([]byte("no database "), 1000), 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ data, en, ru string }{
		{file, "there is a file in place of a directory; choose another one with --data", "на месте каталога лежит файл; укажите другой ключом --data"},
		{"/proc/none", "/proc/none: there is no such file or directory; choose another one with --data", "/proc/none: нет такого файла или каталога; укажите другой ключом --data"},
		{damaged, "is damaged, or is not one of this program; restore it from a backup", "повреждена или создана не этой программой; восстановите её из резервной копии"},
	} {
		for locale, says := range map[string]string{"en_US.UTF-8": c.en, "ru_RU.UTF-8": c.ru} {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "--data", c.data, "admin", "create", "--login", "boss")
			cmd.Env = []string{runVariable + "=1", "LANG=" + locale}
			cmd.Stdin = strings.NewReader("correct horse battery\n")
			out, _ := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(string(out), says) || regexp.MustCompile(`mkdir|open |stat `).Match(out) {
				t.Errorf("%s: exit code %d: %s", c.data, code, out)
			}
		}
	}
}

// TestEmptyVariables: a variable that is set to nothing counts as not set.
func TestEmptyVariables(t *testing.T) {
	t.Setenv("IDECO_DATA", "")
	t.Setenv("IDECO_TUNNEL", "")
	t.Setenv("IDECO_LOG_LEVEL", "warn")
	var c commands
	parser := newParser(&c, "en")
	dropEmptyVariables(parser.Model.Node)
	if _, err := parser.Parse([]string{"serve"}); err != nil || c.Data != "/var/lib/ideco-portal" || c.Serve.Tunnel != "auto" || c.Serve.LogLevel != "warn" {
		t.Errorf("%v: %+v", err, c)
	}
}

// TestHelpCommand: "help" shows the same help as the flag.
func TestHelpCommand(t *testing.T) {
	for line, flag := range map[string]string{"help": "--help", "help serve": "serve --help", "help admin create": "admin create --help"} {
		want, _ := runProgram(t, "en_US.UTF-8", nil, strings.Fields(flag)...)
		if out, code := runProgram(t, "en_US.UTF-8", nil, strings.Fields(line)...); code != 0 || out != want {
			t.Errorf("%s: exit code %d: %s", line, code, out)
		}
	}
}

// TestHelpOfCommands: each command has help in both languages with all its flags, of at most helpWidth columns.
func TestHelpOfCommands(t *testing.T) {
	t.Setenv("COLUMNS", "300")
	latin := regexp.MustCompile(`(?m)^(Usage|Flags|Commands|Arguments)|Run "|context-sensitive`)
	for _, lang := range []language{"en", "ru"} {
		var walk func(n *kong.Node)
		walk = func(n *kong.Node) {
			var out bytes.Buffer
			exited := false
			parser := newParser(new(commands), lang, kong.Exit(func(code int) { exited = code == 0; panic(exited) }), kong.Writers(lang.writer(&out), lang.writer(&out)))
			func() {
				defer func() { _ = recover() }()
				_, _ = parser.Parse(append(strings.Fields(n.Path()), "--help"))
			}()
			text := out.String()
			if !exited || !strings.Contains(text, n.FullPath()) {
				t.Errorf("%s in %s: %s", n.FullPath(), lang, text)
			}
			for _, line := range strings.Split(text, "\n") {
				if utf8.RuneCountInString(line) > helpWidth {
					t.Errorf("%s in %s: too long: %s", n.FullPath(), lang, line)
				}
			}
			if lang == "ru" && latin.MatchString(text) {
				t.Errorf("%s in %s has English: %s", n.FullPath(), lang, text)
			}
			for _, group := range n.AllFlags(true) {
				for _, f := range group {
					if f.Help == "" || !strings.Contains(text, "--"+f.Name) {
						t.Errorf("%s in %s: no help on --%s:\n%s", n.FullPath(), lang, f.Name, text)
					}
				}
			}
			for _, child := range n.Children {
				if child.Help == "" {
					t.Errorf("%s has no help", child.FullPath())
				}
				walk(child)
			}
		}
		walk(newParser(new(commands), lang).Model.Node)
	}
}
