package web

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestNewLog: levels are filtered, and lines to the systemd journal have no time.
func TestNewLog(t *testing.T) {
	for _, c := range []struct {
		format  string
		level   slog.Level
		journal bool
		lines   int
	}{
		{"text", slog.LevelDebug, false, 4}, {"text", slog.LevelInfo, false, 3}, {"json", slog.LevelWarn, false, 2}, {"json", slog.LevelError, false, 1},
		{"text", slog.LevelInfo, true, 3}, {"json", slog.LevelInfo, true, 3},
	} {
		f, err := os.Create(filepath.Join(t.TempDir(), "log"))
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		s := info.Sys().(*syscall.Stat_t)
		inode := s.Ino
		if !c.journal {
			inode++ // the service's journal, while standard error leads elsewhere
		}
		t.Setenv("JOURNAL_STREAM", fmt.Sprintf("%d:%d", s.Dev, inode))
		log := NewLog(f, c.format, c.level)
		for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
			log.Log(context.Background(), level, "happened", slog.Group("within", "time", "kept"))
		}
		b, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		if n := strings.Count(text, "happened"); n != c.lines || strings.Count(text, "\n") != c.lines || strings.Count(text, "kept") != c.lines {
			t.Errorf("%+v: %s", c, text)
		}
		timed := strings.HasPrefix(text, "time=")
		if c.format == "json" {
			var line map[string]any
			if err := json.Unmarshal([]byte(strings.SplitAfter(text, "\n")[0]), &line); err != nil {
				t.Fatal(err)
			}
			_, timed = line["time"]
		}
		if timed == c.journal {
			t.Errorf("%+v: a time is there: %v", c, timed)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
