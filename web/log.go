package web

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"syscall"
)

// NewLog returns a logger. The format is "text" (logfmt) or "json"; level is the lowest level written. Lines to the systemd journal have
// no time, because the journal adds one.
func NewLog(w io.Writer, format string, level slog.Leveler) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if isJournal(w) {
		options.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
	}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// isJournal reports whether w is the systemd journal: JOURNAL_STREAM then contains its device and inode (systemd.exec(5)).
func isJournal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil {
		return false
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && os.Getenv("JOURNAL_STREAM") == fmt.Sprintf("%d:%d", s.Dev, s.Ino)
}

// isNewError reports whether a repeated operation fails with another error than before, so that it is logged.
func isNewError(err, before error) bool {
	return err != nil && (before == nil || before.Error() != err.Error())
}
