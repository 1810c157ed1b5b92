package web

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Message is an error or another text for a person at a terminal: an English format of package fmt with its arguments.
// Command ideco-portal translates the format.
type Message struct {
	format string
	args   []any
}

func message(format string, args ...any) *Message { return &Message{format, args} }

// Text returns the text of the message; its format and the messages among its arguments are translated.
func (m *Message) Text(translate func(format string) string) string {
	args := slices.Clone(m.args)
	for i, a := range args {
		if inner, ok := a.(*Message); ok {
			args[i] = inner.Text(translate)
		}
	}
	return fmt.Sprintf(strings.ReplaceAll(translate(m.format), "%w", "%v"), args...)
}

func (m *Message) Error() string { return m.Text(func(format string) string { return format }) }

// Unwrap returns the argument of %w.
func (m *Message) Unwrap() error { return errors.Unwrap(fmt.Errorf(m.format, m.args...)) }
