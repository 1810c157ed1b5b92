package logfile

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestLines(t *testing.T) {
	file := filepath.Join(t.TempDir(), "service", "service.log")
	for _, text := range []string{"начали", "a\nforged line\r\n"} { // the second appends
		j, err := Open(file)
		if err != nil {
			t.Fatal(err)
		}
		j.Log(text)
		if j.Path() != file {
			t.Error(j.Path())
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	line := `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d) `
	if !regexp.MustCompile(`^` + line + "начали\n" + line + `a.?forged line.?.?\n$`).Match(b) {
		t.Errorf("%q", b)
	}
}

func TestRotation(t *testing.T) {
	dir := t.TempDir()
	j, err := Open(filepath.Join(dir, "window.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	long := strings.Repeat("x", maxLine)
	for i := 0; i < 6*(1<<20)/maxLine; i++ {
		j.Log(long)
	}
	tick := time.NewTicker(time.Millisecond) // old files are removed in the background
	defer tick.Stop()
	for deadline := time.After(20 * time.Second); ; {
		list, err := filepath.Glob(filepath.Join(dir, "window*.log"))
		if err != nil {
			t.Fatal(err)
		}
		if len(list) <= 1+maxOld && len(list) > 1 {
			for _, file := range list {
				if info, err := os.Stat(file); err != nil || info.Size() > 1<<20 {
					t.Errorf("%s: %v", file, err)
				}
			}
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%q", list)
		}
	}
}

func TestOpenFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := Open(filepath.Join(file, "service.log"))
	if err == nil {
		t.Error("Open below a file returned no error")
	}
	j.Log("lost")
	if j.Path() != "" || j.Close() != nil {
		t.Error("a log without a file has a path or cannot be closed")
	}
}
