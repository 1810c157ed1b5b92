package web

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"ideco-agent/agent"
)

// Limits of recentLog.
const (
	maxRecords    = 30
	maxRecordText = 500 // runes
)

// recentLog keeps the last warnings and errors of the log for the page «Система». The zero value is ready.
type recentLog struct {
	mu   sync.Mutex
	list []agent.LogRecord // the newest last
}

// records returns the records, the newest first.
func (r *recentLog) records() []agent.LogRecord {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := slices.Clone(r.list)
	slices.Reverse(list)
	return list
}

func (r *recentLog) add(one agent.LogRecord) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last := len(r.list) - 1; last >= 0 && r.list[last].Text == one.Text && r.list[last].Error == one.Error {
		one.Count += r.list[last].Count
		r.list[last] = one
		return
	}
	if len(r.list) == maxRecords {
		r.list = slices.Delete(r.list, 0, 1)
	}
	r.list = append(r.list, one)
}

// watch returns a logger that writes as log does, and whose warnings and errors are kept here.
func (r *recentLog) watch(log *slog.Logger) *slog.Logger {
	return slog.New(&recentHandler{Handler: log.Handler(), to: r})
}

// recentHandler passes records on to another handler. attrs is the text of the attributes of With.
type recentHandler struct {
	slog.Handler
	to    *recentLog
	attrs string
}

func (h *recentHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn || h.Handler.Enabled(ctx, level)
}

func (h *recentHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		var text strings.Builder
		text.WriteString(r.Message + h.attrs)
		r.Attrs(func(a slog.Attr) bool {
			text.WriteString(attrText(a))
			return true
		})
		h.to.add(agent.LogRecord{At: r.Time, Count: 1, Error: r.Level >= slog.LevelError, Text: agent.Clean(text.String(), maxRecordText)})
	}
	if !h.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

func attrText(a slog.Attr) string { return " " + a.Key + "=" + a.Value.Resolve().String() }

func (h *recentHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := &recentHandler{h.Handler.WithAttrs(attrs), h.to, h.attrs}
	for _, a := range attrs {
		next.attrs += attrText(a)
	}
	return next
}

func (h *recentHandler) WithGroup(name string) slog.Handler {
	return &recentHandler{h.Handler.WithGroup(name), h.to, h.attrs}
}
