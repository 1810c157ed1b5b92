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

// On other systems than Windows the program refuses to check.
func TestRun(t *testing.T) {
	msi := filepath.Join(t.TempDir(), "a.msi")
	if err := os.WriteFile(msi, cfb(10), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, c := range map[string]struct {
		code int
		says string
	}{
		"--help":                    {exitOK, "Exit code"},
		"--manual":                  {exitOK, "screen reader"},
		"":                          {exitUsage, "--msi is missing"},
		"--msi " + msi + "-missing": {exitUsage, "no such file"},
		"--msi " + msi:              {exitUsage, "for Windows"},
		"--msi " + msi + " --login n --password-stdin":   {exitUsage, "no password"},
		"--msi " + msi + " --out " + msi + "/none":       {exitUsage, "none"},
		"--msi " + msi + " --out " + msi:                 {exitUsage, "no file can be written in the directory of --out"},
		"--msi " + msi + " --out /proc":                  {exitUsage, "no file can be written in the directory of --out"},
		"--msi " + filepath.Dir(msi):                     {exitUsage, "is a directory"},
		"--msi " + msi + " --other " + filepath.Dir(msi): {exitUsage, "is a directory"},
	} {
		var out bytes.Buffer
		if code := run(context.Background(), strings.Fields(line), strings.NewReader("\n"), &out, &out); code != c.code || !strings.Contains(out.String(), c.says) {
			t.Errorf("%s: exit code %d, want %d\n%s", line, code, c.code, &out)
		}
	}
}
