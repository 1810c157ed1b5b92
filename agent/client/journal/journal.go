// Package journal is the log file of the agent program: of the service, and of the window. A line is the local time with
// its distance from UTC and one thing that happened:
//
//	2026-11-23T14:05:06.789+03:00 dial tcp 203.0.113.7:14765: i/o timeout
//
// At 1 MiB the file is put aside, and three such files are kept beside it with the time in their names. Those who write
// here never tell a secret. A place that cannot be written is no reason not to work: the program then goes on without a
// journal.
//
// The package is also built for Windows 8 with Go 1.20 and keeps to that language and library.
package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"gopkg.in/natefinch/lumberjack.v2"

	"ideco-agent/agent"
)

const (
	maxSize = 1 // MiB
	maxOld  = 3 // files
	maxLine = 2000
	stamp   = "2006-01-02T15:04:05.000Z07:00"
)

// Journal may be used from any goroutine. The zero Journal writes nothing.
type Journal struct {
	path string
	file *lumberjack.Logger // nil = there is none
}

// Open goes on in the file or begins it, with its directory. The Journal is usable even when there is an error, and
// writes nothing then.
func Open(path string) (*Journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return &Journal{}, fmt.Errorf("journal: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return &Journal{}, fmt.Errorf("journal: %w", err)
	}
	if err := f.Close(); err != nil {
		return &Journal{}, fmt.Errorf("journal: %w", err)
	}
	return &Journal{path, &lumberjack.Logger{Filename: path, MaxSize: maxSize, MaxBackups: maxOld, LocalTime: true}}, nil
}

// Log writes a line. What a stranger may have put into the text cannot make it two.
func (j *Journal) Log(text string) {
	if j.file == nil {
		return
	}
	fmt.Fprintln(j.file, time.Now().Format(stamp), agent.Clean(text, maxLine)) // nobody is left to be told of an error
}

// Path is where the file lies; empty = there is none.
func (j *Journal) Path() string { return j.path }

// Close ends the journal for now; a later Log opens it again.
func (j *Journal) Close() error {
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}
