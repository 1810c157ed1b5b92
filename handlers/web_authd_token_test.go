package handlers

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestWebTokens: a token is good for its address, for webTokenLife and until it is used or replaced.
func TestWebTokens(t *testing.T) {
	now := time.Now()
	w := webTokens{nowInTests: func() time.Time { return now }}
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	good := func(addr netip.Addr, token string) bool { _, ok := w.find(addr, token); return ok }
	first := w.add(a, "http://example.org/")
	if origin, ok := w.find(a, first); !ok || origin != "http://example.org/" || len(first) != 32 {
		t.Errorf("%q: %q, %t", first, origin, ok)
	}
	if good(b, first) || good(a, "") || good(a, first[:31]) {
		t.Error("another address or another token is accepted")
	}
	second := w.add(a, "")
	if good(a, first) || !good(a, second) {
		t.Error("an address has two tokens, or none")
	}
	w.use(a)
	w.use(b)
	if good(a, second) {
		t.Error("a used token is accepted")
	}
	third := w.add(a, "")
	now = now.Add(webTokenLife - 1)
	if !good(a, third) {
		t.Error("the token expires too soon")
	}
	now = now.Add(1)
	if good(a, third) {
		t.Error("an expired token is accepted")
	}
	w.add(b, "")
	if len(w.byAddr) != 1 || w.byAge.Len() != 1 {
		t.Errorf("%d and %d tokens are kept", len(w.byAddr), w.byAge.Len())
	}
}

// TestWebTokensLimit: a token above the limit replaces the oldest.
func TestWebTokensLimit(t *testing.T) {
	var w webTokens
	address := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}) }
	tokens := map[int]string{}
	for i := range maxWebTokens + 1 {
		tokens[i] = w.add(address(i), "")
	}
	if len(w.byAddr) != maxWebTokens || w.byAge.Len() != maxWebTokens {
		t.Errorf("%d and %d tokens are kept", len(w.byAddr), w.byAge.Len())
	}
	for i, want := range map[int]bool{0: false, 1: true, maxWebTokens: true} {
		if _, ok := w.find(address(i), tokens[i]); ok != want {
			t.Errorf("%s: %t", address(i), ok)
		}
	}
}

// TestWebTokensOfOneHost: a host with any number of IPv6 addresses takes no tokens from other networks.
func TestWebTokensOfOneHost(t *testing.T) {
	now := time.Now()
	w := webTokens{nowInTests: func() time.Time { return now }}
	other, wide := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00:0:0:1::1")
	token, token6 := w.add(other, ""), w.add(wide, "")
	addr := netip.MustParseAddr("fd00::")
	for range 2 * maxWebTokens {
		addr = addr.Next()
		w.add(addr, "")
	}
	for a, token := range map[netip.Addr]string{other: token, wide: token6} {
		if _, ok := w.find(a, token); !ok {
			t.Errorf("the token of %s is gone", a)
		}
	}
	if len(w.byAddr) != maxWebTokensNetwork+2 || w.byAge.Len() != len(w.byAddr) || len(w.inNetwork) != 3 {
		t.Errorf("%d and %d tokens of %d networks are kept", len(w.byAddr), w.byAge.Len(), len(w.inNetwork))
	}
	now = now.Add(webTokenLife)
	w.add(other, "")
	if len(w.byAddr) != 1 || len(w.inNetwork) != 1 {
		t.Errorf("%d tokens of %d networks are kept after their time", len(w.byAddr), len(w.inNetwork))
	}
}

func TestCleanOrigin(t *testing.T) {
	long := "http://example.org/" + strings.Repeat("x", maxOrigin-len("http://example.org/"))
	for text, want := range map[string]string{
		"http://example.org":             "http://example.org",
		"https://example.org:8/a?b=c":    "https://example.org:8/a?b=c",
		"HTTP://example.org/#part":       "http://example.org/",
		"http://[2001:db8::1]/":          "http://[2001:db8::1]/",
		long:                             long,
		long + "x":                       "",
		"":                               "",
		"example.org":                    "",
		"//example.org/":                 "",
		"/web_authd/auth":                "",
		"http:///":                       "",
		"http://:80/":                    "",
		"javascript:alert(1)":            "",
		"javascript://example.org/%0a1":  "",
		"data:text/html,x":               "",
		"ftp://example.org/":             "",
		"http://bank.ru@evil.example/":   "",
		"http://example.org/ x":          "",
		"http://example.org/\n":          "",
		"http://пример.рф/":              "",
		"http://example.org/\u202etxt":   "",
		"http://example.org/%zz":         "",
		"http://exa%00mple.org/":         "",
		"http://example.org/?<script>\"": "http://example.org/?<script>\"",
	} {
		if got := cleanOrigin(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
