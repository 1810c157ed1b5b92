// Package logfile writes the log file of the agent program, of the service and of the window. A line is the local
// time with its offset from UTC and a text:
//
//	2026-11-23T14:05:06.789+03:00 dial tcp 203.0.113.7:14765: i/o timeout
//
// At 1 MiB the file is renamed, with the time in its name; three such files are kept. Callers never log a secret.
// When the file cannot be written, the program works without a log.
package logfile

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"gopkg.in/natefinch/lumberjack.v2"

	"ideco-agent/agent"
)

const (
	maxSize    = 1    // MiB
	maxOld     = 3    // files
	maxLine    = 2000 // characters
	timeFormat = "2006-01-02T15:04:05.000Z07:00"
)

// File is safe for concurrent use. The zero File writes nothing.
type File struct {
	path string
	file *lumberjack.Logger // nil = there is none
}

// Open opens the log file for appending, or creates it with its directory. With an error it returns a File that
// writes nothing.
func Open(path string) (*File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return &File{}, fmt.Errorf("log file: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return &File{}, fmt.Errorf("log file: %w", err)
	}
	if err := f.Close(); err != nil {
		return &File{}, fmt.Errorf("log file: %w", err)
	}
	return &File{path, &lumberjack.Logger{Filename: path, MaxSize: maxSize, MaxBackups: maxOld, LocalTime: true}}, nil
}

// Log writes a line. Line breaks in text are replaced.
func (f *File) Log(text string) {
	if f.file == nil {
		return
	}
	fmt.Fprintln(f.file, time.Now().Format(timeFormat), agent.Clean(text, maxLine))
}

// Path returns the path of the file; empty = there is none.
func (f *File) Path() string { return f.path }

// Close closes the file. A later Log opens it again.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}
