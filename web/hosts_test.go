package web

import (
	"testing"

	"ideco-agent/agent"
)

func TestKnown(t *testing.T) {
	s := agent.DefaultSettings()
	s.Domain, s.FormerDomains = "new.ru", []string{"old.ru", "203.0.113.7", "2001:db8::7"}
	h := &hosts{settings: func() agent.Settings { return s }}
	for host, want := range map[string]bool{
		"new.ru": true, "old.ru": true, "203.0.113.7": true, "2001:db8::7": true,
		"localhost": true, "127.0.0.1": true, "::1": true, "10.128.0.1": true,
		"": false, "older.ru": false, "sub.new.ru": false, "203.0.113.8": false,
	} {
		if got := h.Known(host); got != want {
			t.Errorf("Known(%q) = %v", host, got)
		}
	}
	s.FormerDomains = nil
	if h.Known("old.ru") {
		t.Error("a former domain that was removed is still known")
	}
}
