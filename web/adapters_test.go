package web

import (
	"regexp"
	"testing"
)

// TestProgramsOfTheInstaller: the page gets the SHA-256 sums in hexadecimal, and they are computed once.
func TestProgramsOfTheInstaller(t *testing.T) {
	m, err := openInstaller()
	if err != nil {
		t.Fatal(err)
	}
	first, err := m.Programs()
	if err != nil {
		t.Fatal(err)
	}
	if m.absent != nil {
		if len(first) != 0 {
			t.Errorf("programs without an installer: %v", first)
		}
		return
	}
	sum := regexp.MustCompile(`^[0-9a-f]{64}$`)
	for _, p := range first {
		if !sum.MatchString(p.SHA256) {
			t.Errorf("%+v", p)
		}
	}
	if again, _ := m.Programs(); len(first) < 2 || &again[0] != &first[0] {
		t.Errorf("%d programs, or computed twice", len(first))
	}
}
