package passwordline

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestRead(t *testing.T) {
	for input, want := range map[string]string{
		"пароль\r\n":                             "пароль",
		"secret\nmore\n":                         "secret",
		"no end of line":                         "no end of line",
		"\n":                                     "",
		"":                                       "",
		" \t\n":                                  " \t",
		"\xef\xbb\xbfsecret\r\n":                 "secret", // PowerShell, UTF-8 with a mark
		"\xef\xbb\xbf\xef\xbb\xbfпа\r\n":         "па",     // two marks
		"\xef\xbb\xbf":                           "",
		"\xff\xfep\x00\x3f\x04\r\x00\n\x00x\x00": "pп", // PowerShell, UTF-16; the rest is not read
		"\xfe\xff\x00p\x04\x3f\x00\r\x00\n":      "pп",
		"\xff\xfep\x00":                          "p",
		"\xff\xfe\x0a\x04\x0a\x00":               "Њ", // 0x0A is half of a letter
		"\xff\xfe\x3d\xd8\x11\xdf":               "\U0001F711",
		"mid\ufeffdle\n":                         "mid\ufeffdle",
		strings.Repeat("x", 20) + "\r\n":         strings.Repeat("x", 20),
		"\xff\xfe" + strings.Repeat("x\x00", 20): strings.Repeat("x", 20),
	} {
		for _, r := range []io.Reader{strings.NewReader(input), iotest.DataErrReader(strings.NewReader(input)), iotest.HalfReader(strings.NewReader(input))} {
			if got, err := Read(r, 20); err != nil || got != want {
				t.Errorf("%q: %q, %v; want %q", input, got, err, want)
			}
		}
	}
}

// The byte order of the first line is that of the others.
func TestLines(t *testing.T) {
	for _, input := range []string{"old\r\nн\n", "\xef\xbb\xbfold\nн", "\xff\xfeo\x00l\x00d\x00\r\x00\n\x00\x3d\x04\n\x00", "\xfe\xff\x00o\x00l\x00d\x00\n\x04\x3d"} {
		l := Lines{R: strings.NewReader(input)}
		for _, want := range []string{"old", "н", ""} {
			if got, err := l.Next(20); err != nil || got != want {
				t.Errorf("%q: %q, %v; want %q", input, got, err, want)
			}
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for input, want := range map[string]error{
		strings.Repeat("x", 21):                  ErrTooLong,
		strings.Repeat("x", 1<<20):               ErrTooLong,
		"\xff\xfe" + strings.Repeat("x\x00", 21): ErrTooLong,
		"\xff\xfe" + strings.Repeat("x\x00", 99): ErrTooLong,
		"caf\xe9\n":                              ErrText, // Windows-1252
		"p\x00w\x00\n\x00":                       ErrText, // UTF-16 without a mark
		"\xff\xfep\x00w":                         ErrText,
	} {
		if got, err := Read(strings.NewReader(input), 20); !errors.Is(err, want) || got != "" {
			t.Errorf("%.30q: %q, %v; want %v", input, got, err, want)
		}
	}
	if _, err := Read(iotest.ErrReader(errors.New("gone")), 20); err == nil || err.Error() != "gone" {
		t.Errorf("a broken pipe: %v", err)
	}
}

// TestReadLeavesThePipeOpen: the writer may keep its end open after the line.
func TestReadLeavesThePipeOpen(t *testing.T) {
	for _, input := range []string{"secret\n", "\xef\xbb\xbfsecret\r\n", "\xff\xfes\x00e\x00c\x00r\x00e\x00t\x00\n\x00"} {
		r, w := io.Pipe()
		go func() { _, _ = w.Write([]byte(input)) }()
		if got, err := Read(r, 20); err != nil || got != "secret" {
			t.Errorf("%q: %q, %v", input, got, err)
		}
	}
}

// FuzzRead checks that no byte-order mark, line end or invalid text becomes part of a password.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"secret\r\n", "\xff\xfea\x00\n\x00", "\xfe\xff\x00a", "\xef\xbb\xbfa"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		got, err := Read(strings.NewReader(string(input)), 64)
		if err == nil && (len(got) > 64 || strings.HasPrefix(got, byteOrderMark) || strings.ContainsAny(got, "\n\x00")) {
			t.Errorf("%q: %q", input, got)
		}
	})
}
