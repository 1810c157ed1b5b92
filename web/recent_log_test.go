package web

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestRecentLog: warnings and errors are kept with their attributes, also those that the level leaves out of the log.
func TestRecentLog(t *testing.T) {
	var out bytes.Buffer
	var recent recentLog
	log := recent.watch(NewLog(&out, "text", slog.LevelError)).With("event", "something")
	log.Info("an info")
	log.Warn("a warning", "file", "a\nb")
	log.Error("an error", "error", errors.New("of the disk"))
	log.Error("an error", "error", errors.New("of the disk"))
	list := recent.records()
	if len(list) != 2 {
		t.Fatalf("%+v", list)
	}
	if r := list[0]; !r.Error || r.Count != 2 || r.At.IsZero() || r.Text != "an error event=something error=of the disk" {
		t.Errorf("the newest is %+v", r)
	}
	if r := list[1]; r.Error || r.Count != 1 || r.Text != "a warning event=something file=ab" {
		t.Errorf("before it %+v", r)
	}
	if text := out.String(); strings.Contains(text, "warning") || strings.Count(text, "an error") != 2 {
		t.Errorf("the log has\n%s", text)
	}
	for i := range 2 * maxRecords {
		log.Warn(fmt.Sprint(i, strings.Repeat("x", 2*maxRecordText)))
	}
	list = recent.records()
	if len(list) != maxRecords || !strings.HasPrefix(list[0].Text, fmt.Sprint(2*maxRecords-1, "x")) || len(list[0].Text) > maxRecordText {
		t.Errorf("%d records, the first %.20q", len(list), list[0].Text)
	}
}
