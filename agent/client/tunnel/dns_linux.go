package tunnel

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
)

const resolvectlTimeout = 5 * time.Second

// setDNS sets the tunnel's DNS servers in systemd-resolved: for the names under the suffixes, or for all names. The
// settings disappear with the interface. Without systemd-resolved DNS is not changed, because other settings would
// outlive a killed program.
func (a *tunAdapter) setDNS(ctx context.Context, s client.TunnelSetup) []client.TunnelNote {
	if len(s.DNS) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, resolvectlTimeout)
	defer cancel()
	all := resolvesAll(s)
	servers := texts(s.DNS)
	domains := append([]string{}, s.Suffixes...)
	if all {
		domains = append(domains, "~.")
	}
	for _, args := range [][]string{
		append([]string{"dns", a.name}, servers...),
		append([]string{"domain", a.name}, domains...),
		{"default-route", a.name, fmt.Sprint(all)},
	} {
		if err := resolvectl(ctx, args); err != nil {
			a.log(err.Error())
			return []client.TunnelNote{{Code: locale.NoteDNSUntouched, Value: strings.Join(servers, ", ")}}
		}
	}
	return nil
}

func resolvectl(ctx context.Context, args []string) error {
	out, err := exec.CommandContext(ctx, "resolvectl", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("resolvectl %s: %w %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
