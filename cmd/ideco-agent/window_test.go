package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/settings"
)

func TestIsForWindow(t *testing.T) {
	for _, c := range []struct {
		args string
		want bool
	}{
		{"", true}, {"--hidden", true}, {"utm_address=gw.ru", true}, {"UTM_PIN=x utm_address=gw.ru", true}, {"--lang en", true},
		{"connect", false}, {"connect utm_address=gw.ru", false}, {"diagnose", false}, {"service", false}, {"end", false}, {"end --lang en", false}, {"help", false},
		{"--help", false}, {"-h", false}, {"--version", false}, {"something", false},
		{"--hidden --help", false}, {"utm_address=gw.ru -h", false}, {"/?", false}, {"-version", false},
	} {
		if got := isForWindow(strings.Fields(c.args)); got != c.want {
			t.Errorf("%q: %v", c.args, got)
		}
	}
}

func TestParseWindowOptions(t *testing.T) {
	o, err := parseWindowOptions([]string{"utm_address=gw.ru", "--hidden", "UTM_PIN=x", "--lang", "en"})
	want := windowOptions{settings.Values{Place: settings.CommandLine, Address: "gw.ru", Pin: "x"}, true, "en"}
	if err != nil || o != want {
		t.Errorf("%+v, %v", o, err)
	}
	for args, want := range map[string]string{
		"--hiden": locale.BadFlags, "--lang de": locale.BadLang, "utm_address=a x": locale.ExtraArgument,
		"utm_address=": locale.NoServer, "--hidden utm_address=a utm_address=b": locale.GivenTwice,
	} {
		_, err := parseWindowOptions(strings.Fields(args))
		var wrong problem
		var wrongPlace *settings.Problem
		if !(errors.As(err, &wrong) && wrong.key == want || errors.As(err, &wrongPlace) && wrongPlace.Key == want) {
			t.Errorf("%q: %v, want %s", args, err, want)
		}
	}
}

func TestDiagnose(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it reads this computer's registry")
	}
	dir := t.TempDir()
	var out, diagnostics bytes.Buffer
	p := program{args: []string{"diagnose", "--lang", "en"}, stdout: &out, stderr: &diagnostics, reportDirs: []string{dir}}
	if code := run(context.Background(), p); code != exitOK {
		t.Fatalf("exit code %d: %s", code, diagnostics.String())
	}
	list, err := filepath.Glob(filepath.Join(dir, "IdecoAgent-*.zip"))
	if err != nil || len(list) != 1 || !strings.Contains(out.String(), list[0]) {
		t.Errorf("%q: %q, %v", out.String(), list, err)
	}
	if info, err := os.Stat(list[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	p.args = []string{"diagnose", "more"}
	if code := run(context.Background(), p); code != exitUsage {
		t.Errorf("exit code %d", code)
	}
	p.args, p.reportDirs = []string{"diagnose"}, []string{filepath.Join(dir, "missing")}
	if code := run(context.Background(), p); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
}
