package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
)

const levelVariable = "IDECO_LOG_LEVEL"

// levelIn reads the log level from a file of variables, as in EnvironmentFile= of systemd.exec(5). A file without the variable means
// otherwise; a missing file means now.
func levelIn(path string, otherwise, now slog.Level) (slog.Level, error) {
	text, err := readVariable(path, levelVariable)
	if errors.Is(err, fs.ErrNotExist) {
		return now, nil
	}
	if err != nil {
		return now, fmt.Errorf("read the log level: %w", err)
	}
	level := otherwise
	if text == "" {
		return level, nil
	}
	switch text {
	case "debug", "info", "warn", "error":
		return level, level.UnmarshalText([]byte(text))
	}
	return now, fmt.Errorf("%s in %s is not debug, info, warn or error", levelVariable, path)
}

// maxVariables limits what is read of a file of variables, in bytes.
const maxVariables = 64 << 10

// readVariable returns the last value of a variable in a file; empty = it is not there.
func readVariable(path, name string) (value string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxVariables))
	for line := range strings.Lines(string(text)) {
		if key, is, ok := strings.Cut(strings.TrimSpace(line), "="); ok && key == name {
			value = unquote(strings.TrimSpace(is))
		}
	}
	return value, err
}

// unquote removes the quotes around a value.
func unquote(s string) string {
	for _, quote := range []string{`"`, `'`} {
		if inner, ok := strings.CutPrefix(s, quote); ok {
			return strings.TrimSuffix(inner, quote)
		}
	}
	return s
}
