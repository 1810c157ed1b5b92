package web

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"

	"ideco-agent/agent/passwordline"
)

// Message is an error or another text for a person at a terminal: an English format of package fmt with its arguments.
// Command ideco-portal translates the format.
type Message struct {
	format string
	args   []any
}

func message(format string, args ...any) *Message { return &Message{format, args} }

// Text returns the text of the message; its format and the errors among its arguments are translated.
func (m *Message) Text(translate func(format string) string) string {
	args := slices.Clone(m.args)
	for i, a := range args {
		if inner, ok := a.(error); ok {
			args[i] = ErrorText(inner, translate)
		}
	}
	return fmt.Sprintf(strings.ReplaceAll(translate(m.format), "%w", "%v"), args...)
}

func (m *Message) Error() string { return m.Text(func(format string) string { return format }) }

// Unwrap returns the argument of %w.
func (m *Message) Unwrap() error { return errors.Unwrap(fmt.Errorf(m.format, m.args...)) }

// ErrorText returns the text of an error for a person at a terminal. Errors other than *Message and those of the operating system
// stay English.
func ErrorText(err error, translate func(format string) string) string {
	switch e := err.(type) {
	case *Message:
		return e.Text(translate)
	case *fs.PathError:
		return e.Path + ": " + systemText(e.Err, translate)
	case *net.OpError:
		return systemText(e.Err, translate)
	case interface{ Unwrap() []error }:
		var lines []string
		for _, one := range e.Unwrap() {
			lines = append(lines, ErrorText(one, translate))
		}
		return strings.Join(lines, "\n")
	}
	return systemText(err, translate)
}

// systemErrors are the texts of errors of the operating system and of the standard input.
var systemErrors = []struct {
	err  error
	text *Message
}{
	{syscall.EACCES, message("no permission")},
	{syscall.EPERM, message("no permission")},
	{syscall.ENOENT, message("there is no such file or directory")},
	{syscall.ENOTDIR, message("there is a file in place of a directory")},
	{syscall.EISDIR, message("it is a directory")},
	{syscall.EROFS, message("the file system is read-only")},
	{syscall.ENOSPC, message("there is no space left on the disk")},
	{syscall.EMFILE, message("this program has too many open files")},
	{syscall.EADDRINUSE, message("another program listens there")},
	{syscall.EADDRNOTAVAIL, message("this computer does not have that address")},
	{io.EOF, message("it is empty")},
	{passwordline.ErrTooLong, message("it is too long")},
	{passwordline.ErrText, message("it is neither UTF-8 nor UTF-16 with a byte-order mark")},
}

// systemText returns the text of an error of systemErrors without the name of the system call. Other errors keep their own text.
func systemText(err error, translate func(format string) string) string {
	if call, ok := err.(*os.SyscallError); ok {
		err = call.Err
	}
	for _, s := range systemErrors {
		if err == s.err {
			return s.text.Text(translate)
		}
	}
	return err.Error()
}
