package tunnel

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"
)

func TestCheckWintun(t *testing.T) {
	if err := checkWintun(strings.NewReader("MZ")); err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("another file: %v", err)
	}
	broken := errors.New("disk")
	if err := checkWintun(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("a broken file: %v", err)
	}
	if len(wintunSHA256) != 64 {
		t.Error("no SHA-256")
	}
}
