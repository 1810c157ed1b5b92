package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/diagnose"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/settings"
)

// diagnoseCommand writes the file for support and prints its path.
func diagnoseCommand(ctx context.Context, p program, args []string) int {
	o, err := parseWindowOptions(args)
	if err != nil {
		return p.wrongArguments(err)
	}
	path, err := saveReport(ctx, p.lang, o.gateway, p.reportDirs)
	if err != nil {
		fmt.Fprintln(p.stderr, p.text(locale.ReportFailed, "value", p.reason(err)))
		return exitFailed
	}
	fmt.Fprintln(p.stdout, p.text(locale.ReportMade, "value", path))
	return exitOK
}

// saveReport writes the file for support and returns its path.
func saveReport(ctx context.Context, lang locale.Lang, line settings.Setting, dirs []string) (string, error) {
	registry := settings.ReadRegistry()
	personal := readPersonal()
	sources := []settings.Setting{registry.Policy, line, personal.Setting(registry.Installer), registry.Installer}
	g, _, _ := settings.ChooseGateway(sources...) // the part gateway.txt shows the error
	parts := []diagnose.Part{
		diagnose.Program(diagnose.System()),
		diagnose.Gateway(sources...),
		diagnose.Text("bans.txt", fmt.Sprintf("%+v\r\n", registry.Restrictions)),
		diagnose.Probe(client.Config{Host: g.Host, Port: g.Port, Pins: g.Pins(), Trust: client.OpenTrust(trustDir(registry, g)), Lang: lang}),
	}
	parts = append(append(parts, diagnose.Network()...), diagnose.Service()...)
	if own := ownDir(); own != "" {
		parts = append(parts, diagnose.File("agent.log", filepath.Join(own, "agent.log")), diagnose.File("trust.json", filepath.Join(own, "trust")))
	}
	return diagnose.Save(ctx, dirs, time.Now(), parts)
}
