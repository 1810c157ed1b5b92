package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// TestAskTwice: the question states the rule, and a password counts only when it is entered twice.
func TestAskTwice(t *testing.T) {
	for _, c := range []struct {
		typed []string
		want  string
		err   error
		shown string
	}{
		{[]string{"correct horse", "correct horse"}, "correct horse", nil, "Пароль (не меньше 8 знаков): \nЕщё раз: \n"},
		{[]string{"correct horse", "corect horse", "battery staple", "battery staple"}, "battery staple", nil,
			"Пароль (не меньше 8 знаков): \nЕщё раз: \nПароли не совпали. Введите пароль заново.\nПароль (не меньше 8 знаков): \nЕщё раз: \n"},
		{[]string{"correct horse"}, "", io.EOF, "Пароль (не меньше 8 знаков): \nЕщё раз: \n"},
		{nil, "", io.EOF, "Пароль (не меньше 8 знаков): \n"},
	} {
		var shown bytes.Buffer
		lines := c.typed
		got, err := language("ru").askTwice(&shown, "Пароль (не меньше 8 знаков): ", func() ([]byte, error) {
			if len(lines) == 0 {
				return nil, io.EOF
			}
			line := lines[0]
			lines = lines[1:]
			return []byte(line), nil
		})
		if got != c.want || err != c.err || shown.String() != c.shown {
			t.Errorf("%s: %q, %v, shown %q", strings.Join(c.typed, ", "), got, err, shown.String())
		}
	}
}
