// Package passwordline reads a password from standard input, as programs and shells write it there.
//
// The package is also built for Windows 8 with Go 1.20 and keeps to that language and library.
package passwordline

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Errors of Read, besides those of the reader.
var (
	ErrTooLong = errors.New("the password is too long")
	ErrText    = errors.New("the password is neither UTF-8 nor UTF-16 with a byte-order mark")
)

// byteOrderMark is the first character of text that Windows PowerShell pipes to a program, depending on
// $OutputEncoding, or writes to a file.
const byteOrderMark = "\uFEFF"

// Read returns the first line of r without its line end. No input is an empty password. The text is UTF-8, or UTF-16 with a
// byte-order mark; marks are not part of the password. It reads nothing after the line, so r may stay open.
func Read(r io.Reader, maxBytes int) (string, error) { return (&Lines{R: r}).Next(maxBytes) }

// Lines reads several passwords. In UTF-16 only the first line has a byte-order mark.
type Lines struct {
	R     io.Reader
	order binary.ByteOrder // of UTF-16; nil = UTF-8, or no line was read yet
}

// Next returns the next line, as Read does.
func (l *Lines) Next(maxBytes int) (string, error) {
	var line []byte
	for one := make([]byte, 1); ; {
		n, err := l.R.Read(one)
		line = append(line, one[:n]...)
		if l.order == nil {
			l.order = byteOrder(line)
		}
		switch {
		case n > 0 && isComplete(line, l.order), err == io.EOF:
			return decode(line, l.order, maxBytes)
		case err != nil:
			return "", err
		case len(line) > 2*maxBytes+len("\uFEFF\r\n")*2: // UTF-16 takes at most twice as many bytes as UTF-8
			return "", ErrTooLong
		}
	}
}

// byteOrder returns how UTF-16 is written, or nil for UTF-8.
func byteOrder(text []byte) binary.ByteOrder {
	switch {
	case bytes.HasPrefix(text, []byte{0xFF, 0xFE}):
		return binary.LittleEndian
	case bytes.HasPrefix(text, []byte{0xFE, 0xFF}):
		return binary.BigEndian
	}
	return nil
}

// isComplete reports whether text ends with a line feed.
func isComplete(text []byte, order binary.ByteOrder) bool {
	if order == nil {
		return text[len(text)-1] == '\n'
	}
	return len(text)%2 == 0 && order.Uint16(text[len(text)-2:]) == '\n'
}

func decode(line []byte, order binary.ByteOrder, maxBytes int) (string, error) {
	text := string(line)
	if order != nil {
		if len(line)%2 != 0 {
			return "", ErrText
		}
		units := make([]uint16, len(line)/2)
		for i := range units {
			units[i] = order.Uint16(line[2*i:])
		}
		text = string(utf16.Decode(units))
	}
	text = strings.TrimLeft(text, byteOrderMark) // there may be two: of the console and of $OutputEncoding
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	switch {
	case !utf8.ValidString(text), strings.ContainsRune(text, 0): // zero bytes come from UTF-16 without a mark
		return "", ErrText
	case len(text) > maxBytes:
		return "", ErrTooLong
	}
	return text, nil
}
