package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"ideco-agent/agent/client/locale"
)

// Help goes to standard output, in the language of --lang or the system, with exit code 0.
func TestHelp(t *testing.T) {
	keys := map[string]string{"": locale.Help}
	for _, c := range commands {
		keys[c.name] = c.help
	}
	for name, key := range keys {
		lines := []string{name + " --help", name + " -help", name + " -h", name + " --h", name + " /?", name + " -?", name + " --help=true",
			name + " help", "help " + name, "--help " + name}
		if name == "" {
			lines = append(lines, "--hidden --help", "utm_address=gw.ru -h", "utm_address=gw.ru --hidden /?", "--hiden -h")
		} else {
			lines = append(lines, name+" --wrong --help", name+" more -h")
		}
		for _, lang := range []locale.Lang{locale.Russian, locale.English} {
			want := locale.Text(lang, key, "program", programName)
			for _, line := range lines {
				for _, at := range []struct {
					args []string
					lang locale.Lang // of the system
				}{
					{strings.Fields(line), lang},
					{append(strings.Fields(line), "--lang", string(lang)), "en"},
					{append(strings.Fields(line), "--lang="+string(lang)), "ru"},
					{append([]string{"--lang", string(lang)}, strings.Fields(line)...), "ru"},
					{append([]string{"--lang=" + string(lang)}, strings.Fields(line)...), "en"},
				} {
					var stdout, stderr bytes.Buffer
					code := run(context.Background(), program{args: at.args, stdout: &stdout, stderr: &stderr, lang: at.lang})
					if code != exitOK || stdout.String() != want || stderr.Len() != 0 {
						t.Errorf("%q in %s: exit code %d, %.40q, standard error %q", at.args, lang, code, stdout.String(), stderr.String())
					}
				}
			}
		}
	}
}

// Each help shows how to call its command and fits into a message box.
func TestHelpTexts(t *testing.T) {
	for _, c := range commands {
		for _, lang := range []locale.Lang{locale.Russian, locale.English} {
			all, own := locale.Text(lang, locale.Help), locale.Text(lang, c.help)
			if !strings.Contains(own, "\n  {program} "+c.name) || !strings.Contains(all, "\n  "+c.name+" ") {
				t.Errorf("%s in %s: %s\n%s", c.name, lang, all, own)
			}
			if n := strings.Count(own, "\n"); n > 44 {
				t.Errorf("%s in %s: %d lines", c.name, lang, n)
			}
			for _, line := range strings.Split(strings.ReplaceAll(all+own, "{program}", "IdecoAgent.exe"), "\n") {
				if utf8.RuneCountInString(line) > 100 {
					t.Errorf("%s in %s: too long: %s", c.name, lang, line)
				}
			}
		}
	}
}

// The help of connect and service names each of their flags.
func TestHelpNamesFlags(t *testing.T) {
	var server, pin string
	ofService := flag.NewFlagSet("service", flag.ContinueOnError)
	new(tunnelOptions).define(ofService)
	for key, flags := range map[string]*flag.FlagSet{locale.HelpConnect: new(options).flags(&server, &pin), locale.HelpService: ofService} {
		for _, lang := range []locale.Lang{locale.Russian, locale.English} {
			flags.VisitAll(func(f *flag.Flag) {
				if !strings.Contains(locale.Text(lang, key), "\n  --"+f.Name+" ") && (key != locale.HelpService || f.Name != "tunnel-name") { // which Windows does not use
					t.Errorf("%s in %s has no --%s", key, lang, f.Name)
				}
			})
		}
	}
}

// A usage error is the error, the usage of the command in one line, and how to get help.
func TestUsageErrors(t *testing.T) {
	for _, c := range []struct{ line, ru, en string }{
		{"connect --loggin a", "Неизвестный параметр: --loggin.\nИспользование: ideco-agent connect [--server ШЛЮЗ[:ПОРТ]] --login ЛОГИН [параметры]\nСправка: ideco-agent connect --help\n",
			"Unknown flag: --loggin.\nUsage: ideco-agent connect [--server GATEWAY[:PORT]] --login NAME [flags]\nFor help: ideco-agent connect --help\n"},
		{"connect --login", "Параметру нужно значение: --login.\n", "The flag needs a value: --login.\n"},
		{"connect --json=perhaps", "Неверное значение параметра: --json=perhaps.\n", "Wrong value of a flag: --json=perhaps.\n"},
		{"connect ---json", "Параметры не поняты: ---json.\n", "The flags were not understood: ---json.\n"},
		{"diagnose --foo", "Неизвестный параметр: --foo.\nИспользование: ideco-agent diagnose [utm_address=ШЛЮЗ[:ПОРТ]]", "Unknown flag: --foo.\nUsage: ideco-agent diagnose [utm_address=GATEWAY[:PORT]]"},
		{"foo", "Неизвестная команда: foo.\nИспользование: ideco-agent КОМАНДА [параметры]\nСправка: ideco-agent --help\n",
			"Unknown command: foo.\nUsage: ideco-agent COMMAND [flags]\nFor help: ideco-agent --help\n"},
	} {
		for lang, want := range map[locale.Lang]string{locale.Russian: c.ru, locale.English: c.en} {
			want = strings.ReplaceAll(want, "ideco-agent", programName)
			var stdout, stderr bytes.Buffer
			code := run(context.Background(), program{args: strings.Fields(c.line), stdout: &stdout, stderr: &stderr, lang: lang})
			if code != exitUsage || stdout.Len() != 0 || !strings.HasPrefix(stderr.String(), want) || strings.Count(stderr.String(), "\n") != 3 {
				t.Errorf("%q: exit code %d, %q, standard error %q, want %q", c.line, code, stdout.String(), stderr.String(), want)
			}
		}
	}
}

// Errors of files name the file and the reason in the person's language, and no system call.
func TestReason(t *testing.T) {
	_, err := os.ReadFile(filepath.Join(t.TempDir(), "none"))
	if got := (program{lang: locale.Russian}).reason(fmt.Errorf("the identifier: %w", err)); !strings.HasSuffix(got, "none: нет такого файла или каталога") || strings.Contains(got, "open") {
		t.Error(got)
	}
	if got := (program{}).reason(errors.New("gone")); got != "gone" {
		t.Error(got)
	}
}

func TestNoHelp(t *testing.T) {
	for _, c := range []struct{ line, says string }{
		{"help something", "Unknown command: something."},
		{"something --help", "Unknown command: something."},
		{"something", "For help: " + programName + " --help"},
		{"connect --server gw --login help", "--password-stdin"}, // a login
	} {
		var stdout, stderr bytes.Buffer
		code := run(context.Background(), program{args: strings.Fields(c.line), stdout: &stdout, stderr: &stderr, lang: locale.English})
		if code != exitUsage || stdout.Len() != 0 || !strings.Contains(stderr.String(), c.says) {
			t.Errorf("%q: exit code %d, %q, standard error %q", c.line, code, stdout.String(), stderr.String())
		}
	}
}

// Without a console, as after a start from a shortcut, help has exit code 0 too.
func TestHelpWithoutConsole(t *testing.T) {
	if code := run(context.Background(), program{args: []string{"end", "--help"}, stdout: closed{}, stderr: io.Discard}); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, errors.New("no console") }

// --lang counts anywhere on the command line, also when the rest is wrong.
func TestLangIn(t *testing.T) {
	for _, args := range [][]string{{"end", "--wrong", "--lang", "ru"}, {"diagnose", "more", "--lang=ru"}, {"--lang", "ru", "--wrong", "connect"}} {
		lang, ok := langIn(args)
		if lang != locale.Russian || !ok {
			t.Errorf("%q: %s, %v", args, lang, ok)
		}
	}
	for _, args := range [][]string{nil, {"connect", "--login", "lang", "en"}, {"end", "--lang"}, {"end", "--lang", "de"}} {
		if lang, ok := langIn(args); ok {
			t.Errorf("%q: %s", args, lang)
		}
	}
}
