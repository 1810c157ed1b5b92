package handlers

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
)

// TestSystem: the page and REST say what does not answer, which ports there are and what was logged.
func TestSystem(t *testing.T) {
	a := newAdministration(t)
	now := time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC)
	facts := agent.ServiceFacts{PID: 812, Started: now, Memory: 5 << 20, Supervised: true,
		Ports: []agent.ServicePort{{Part: agent.PartAgent, Address: "[::]:14765"}, {Part: agent.PartTunnel, Address: "3051", UDP: true, Answers: true}},
		Stuck: []string{"[::]:14765", agent.LiveDatabase}, Versions: agent.ServiceVersions{Program: "1.2.3"},
		Records: []agent.LogRecord{{At: now, Count: 3, Error: true, Text: "<b>failed</b>"}}}
	a.site.Service = func(context.Context) agent.ServiceFacts { return facts }
	page := a.get("/admin/system")
	for selector, text := range map[string]string{
		".service-names .state.bad": "Не отвечает",
		".banner.bad":               "[::]:14765, база данных",
		"[aria-labelledby=system-ports] tbody tr:nth-child(1) .state.bad": "Не отвечает",
		"[aria-labelledby=system-ports] tbody tr:nth-child(2) .state.ok":  "Принимает подключения",
		"[aria-labelledby=system-versions]":                               "установщика в этой сборке нет",
		".record-text":                                                    "<b>failed</b>",
	} {
		if !says(t, page, selector, text) {
			t.Errorf("%s does not say %q", selector, text)
		}
	}
	facts.Stuck, facts.Records = nil, nil
	if page := a.get("/admin/system"); !says(t, page, ".service-names .state.ok", "Работает") || strings.Contains(page, "banner bad") {
		t.Error("a service that runs")
	}

	facts.Stuck = []string{agent.LiveDatabase}
	status, got := restClient{t, a.h, a.boss}.call("GET", "/system", "")
	ports, _ := got["ports"].([]any)
	if status != 200 || got["state"] != "stuck" || fmt.Sprint(got["stuck"]) != "[database]" || got["started"] != "2026-11-28T10:00:00Z" || fmt.Sprint(got["log"]) != "[]" ||
		len(ports) != 2 || ports[1].(map[string]any)["protocol"] != "udp" || got["versions"].(map[string]any)["program"] != "1.2.3" {
		t.Errorf("%d: %v", status, got)
	}
}
