package main

import (
	"errors"
	"strings"
	"testing"

	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/settings"
)

func TestIsForWindow(t *testing.T) {
	for _, c := range []struct {
		args string
		want bool
	}{
		{"", true}, {"--hidden", true}, {"utm_address=gw.ru", true}, {"UTM_PIN=x utm_address=gw.ru", true}, {"--lang en", true},
		{"connect", false}, {"connect utm_address=gw.ru", false}, {"diagnose", false}, {"service", false}, {"end", false}, {"end --lang en", false}, {"help", false},
		{"--help", false}, {"-h", false}, {"--version", false}, {"something", false},
		{"--hidden --help", false}, {"utm_address=gw.ru -h", false}, {"/?", false}, {"-version", false},
	} {
		if got := isForWindow(strings.Fields(c.args)); got != c.want {
			t.Errorf("%q: %v", c.args, got)
		}
	}
}

func TestParseWindowOptions(t *testing.T) {
	o, err := parseWindowOptions([]string{"utm_address=gw.ru", "--hidden", "UTM_PIN=x", "--lang", "en"})
	want := windowOptions{settings.Setting{Source: settings.CommandLine, Address: "gw.ru", Pin: "x"}, true, "en"}
	if err != nil || o != want {
		t.Errorf("%+v, %v", o, err)
	}
	for args, want := range map[string]string{
		"--hiden": locale.UnknownFlag, "--lang de": locale.BadLang, "utm_address=a x": locale.ExtraArgument,
		"utm_address=": locale.NoServer, "--hidden utm_address=a utm_address=b": locale.GivenTwice,
	} {
		_, err := parseWindowOptions(strings.Fields(args))
		var wrong problem
		var wrongSetting *settings.Problem
		if !(errors.As(err, &wrong) && wrong.key == want || errors.As(err, &wrongSetting) && wrongSetting.Key == want) {
			t.Errorf("%q: %v, want %s", args, err, want)
		}
	}
}
