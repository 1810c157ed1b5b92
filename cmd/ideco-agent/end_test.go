package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/pipe"
)

func TestParseLang(t *testing.T) {
	if err := parseLang([]string{"--lang", "en"}); err != nil {
		t.Error(err)
	}
	for args, want := range map[string]string{"--force": locale.UnknownFlag, "ivanov": locale.ExtraArgument, "--lang de": locale.BadLang} {
		err := parseLang(strings.Fields(args))
		var wrong problem
		if !errors.As(err, &wrong) || wrong.key != want {
			t.Errorf("%q: %v, want %s", args, err, want)
		}
	}
}

func TestEndMessage(t *testing.T) {
	for _, c := range []struct {
		result pipe.EndResult
		err    error
		code   int
		says   string
	}{
		{pipe.Ended, nil, exitOK, "Доступ завершён."},
		{pipe.NoAccess, nil, exitOK, "ни у кого не открыт"},
		{pipe.NotPermitted, nil, exitFailed, "от имени администратора"},
		{pipe.Ended, errors.New("no pipe."), exitFailed, "no pipe. П"}, // endMessage removes the full stop of the error
		{pipe.Ended, fmt.Errorf("%w: process 1", pipe.ErrUntrusted), exitFailed, "другая программа"},
	} {
		code, key, value := endMessage(c.result, c.err)
		if text := locale.Text(locale.Russian, key, "value", value); code != c.code || !strings.Contains(text, c.says) || strings.Contains(text, "{") {
			t.Errorf("%v, %v: %d %q", c.result, c.err, code, text)
		}
	}
}
