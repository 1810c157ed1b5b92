package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestDoctorCommand: results are in the language of the locale, and the exit code tells whether a check has failed.
func TestDoctorCommand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	for _, c := range []struct {
		locale string
		args   []string
		code   int
		says   []string
	}{
		{"ru_RU.UTF-8", []string{"--data", dir, "doctor"}, 1, []string{"Каталога данных " + dir + " нет", "Что сделать: ", "ideco-portal: не прошли проверки: "}},
		{"en_US.UTF-8", []string{"--data", dir, "doctor"}, 1, []string{"There is no data directory " + dir, "What to do: ", "ideco-portal: checks that failed: "}},
		{"en_US.UTF-8", []string{"--data", dir, "doctor", "--json"}, 1, []string{`"code": "no_data"`, `"state": "failed"`}},
		{"en_US.UTF-8", []string{"doctor", "--nothing"}, exitUsage, []string{"unknown flag --nothing"}},
	} {
		out, code := runProgram(t, c.locale, nil, c.args...)
		if code != c.code {
			t.Errorf("%q: exit code %d, want %d\n%s", c.args, code, c.code, out)
		}
		for _, text := range c.says {
			if !strings.Contains(out, text) {
				t.Errorf("%s %q lacks %q:\n%s", c.locale, c.args, text, out)
			}
		}
	}
}
