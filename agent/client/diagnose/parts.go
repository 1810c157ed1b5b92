package diagnose

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/settings"
)

// Program is the part with the versions of program and system.
func Program(system string) Part {
	return Text("program.txt", lines(
		"Ideco agent "+agent.Version,
		runtime.Version()+" "+runtime.GOOS+"/"+runtime.GOARCH,
		"system: "+system))
}

// Gateway is the part with the settings of each source, the highest first, and the gateway that counts.
func Gateway(sources ...settings.Setting) Part {
	g, warnings, err := settings.ChooseGateway(sources...)
	text := []string{}
	for _, v := range sources {
		text = append(text, fmt.Sprintf("%s: address %q, pin %q", v.Source, v.Address, v.Pin))
		if v.Err != nil {
			text = append(text, "  not read: "+v.Err.Error())
		}
	}
	text = append(text, "", "counts: "+describe(g, err))
	for _, w := range warnings {
		text = append(text, "warning: "+w.Error())
	}
	return Text("gateway.txt", lines(text...))
}

func describe(g settings.Gateway, err error) string {
	switch {
	case err != nil:
		return err.Error()
	case g.Host == "":
		return "none"
	case g.Pin == nil:
		return fmt.Sprintf("%s %s, without a pin", g, g.Source)
	}
	return fmt.Sprintf("%s %s, pin %s", g, g.Source, g.Pin)
}

// Probe is the part with the result of probing the gateway. After a change of its root the error has the pin that it serves.
func Probe(cfg client.Config) Part {
	return Part{"probe.txt", func(ctx context.Context) ([]byte, error) {
		if cfg.Host == "" {
			return []byte(lines("there is no gateway to probe")), nil
		}
		began := time.Now()
		r := client.Probe(ctx, cfg)
		text := []string{fmt.Sprintf("%s:%d after %s: %s %s", cfg.Host, cfg.Port, time.Since(began).Round(time.Millisecond), r.Code, r.Message)}
		if r.Host != "" {
			text = append(text, "it answers as "+r.Host)
		}
		if r.Err != nil {
			text = append(text, r.Err.Error())
		}
		return []byte(lines(text...)), nil
	}}
}

func lines(text ...string) string { return strings.Join(text, "\r\n") + "\r\n" }
