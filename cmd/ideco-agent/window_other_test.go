//go:build !windows

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Without a window, what is no command gets the usage of commands.
func TestNoWindow(t *testing.T) {
	for args, says := range map[string]string{
		"":                  "There is no command.\n",
		"--hidden":          "There is no command.\n",
		"utm_address=gw.ru": "There is no command.\n",
		"--bogus":           "Unknown flag: --bogus.\n",
	} {
		var out, diagnostics bytes.Buffer
		code := run(context.Background(), program{args: strings.Fields(args), stdout: &out, stderr: &diagnostics, lang: "en"})
		if code != exitUsage || out.Len() > 0 || !strings.HasPrefix(diagnostics.String(), says) || !strings.Contains(diagnostics.String(), "\nUsage: ideco-agent COMMAND [flags]\n") {
			t.Errorf("%q: exit code %d, %q", args, code, diagnostics.String())
		}
	}
}

func TestDiagnose(t *testing.T) {
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
