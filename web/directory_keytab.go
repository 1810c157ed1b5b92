package web

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/directory"
	"ideco-agent/agent/secretbox"
)

// keytabPurpose is the purpose for which the box encrypts the keytab of a directory.
func keytabPurpose(id agent.DirectoryID) string {
	return "directory/" + strconv.FormatInt(int64(id), 10) + "/keytab"
}

// openKeytab decrypts the keytab of a directory and sets the fields about it.
func (d *directories) openKeytab(s *agent.DirectorySettings, sealed string) error {
	if sealed == "" {
		return nil
	}
	file, err := d.box.Open(sealed, keytabPurpose(s.ID))
	if s.KeytabLost = errors.Is(err, secretbox.ErrLost); s.KeytabLost {
		return nil
	}
	if err != nil {
		return err
	}
	s.Keytab = []byte(file)
	if k, err := directory.ReadKeytab(*s); err == nil {
		s.KeytabKeys = k.Keys()
	}
	return nil
}

// storeKeytab encrypts and stores a keytab; an empty one removes it.
func (d *directories) storeKeytab(ctx context.Context, id agent.DirectoryID, file []byte) error {
	sealed := ""
	if len(file) > 0 {
		var err error
		if sealed, err = d.box.Seal(string(file), keytabPurpose(id)); err != nil {
			return err
		}
	}
	return d.store.SetKeytab(ctx, id, sealed)
}

// SetKeytab replaces the keytab of a directory and uses it from now on; an empty one removes it. Errors: agent.ErrNotFound, an
// agent.Problem.
func (d *directories) SetKeytab(ctx context.Context, id agent.DirectoryID, file []byte) error {
	d.changes.Lock()
	defer d.changes.Unlock()
	s, err := d.find(ctx, id)
	if err != nil {
		return err
	}
	if s.Keytab = file; len(file) > 0 {
		if _, err := directory.ReadKeytab(s); err != nil {
			return err
		}
	}
	if err := d.storeKeytab(ctx, id, file); err != nil {
		return err
	}
	return d.reload(context.WithoutCancel(ctx))
}

// Realms are the Kerberos realms of the keytabs.
func (d *directories) Realms() []string { return d.network.Realms() }

// cnameTimeout limits the look-up of a CNAME, for which a page waits.
const cnameTimeout = 2 * time.Second

// Services are the service principals, without realm and port, for which browsers and agents get tickets: that of the gateway's domain
// and, if the domain is a CNAME, that of its target. There are none without a domain.
func (d *directories) Services(ctx context.Context) []string {
	domain := d.domain()
	if _, err := netip.ParseAddr(domain); err == nil || domain == "" {
		return nil
	}
	names := []string{domain}
	ctx, cancel := context.WithTimeout(ctx, cnameTimeout)
	defer cancel()
	if target, err := d.cname(ctx, domain); err == nil {
		if target = strings.ToLower(strings.TrimSuffix(target, ".")); target != "" && !slices.Contains(names, target) {
			names = append(names, target)
		}
	}
	for i := range names {
		names[i] = "HTTP/" + names[i]
	}
	return names
}

// testKeytab adds StepKeytab to a report.
func (d *directories) testKeytab(ctx context.Context, s agent.DirectorySettings, report *agent.DirectoryReport) {
	result := agent.StepResult{Step: agent.StepKeytab, State: agent.StepOK}
	warn := func(f agent.DirectoryFinding, args map[string]string) {
		result.State, result.Finding, result.Args = agent.StepWarning, f, args
	}
	began := time.Now()
	k, err := directory.ReadKeytab(s)
	switch {
	case s.KeytabLost:
		warn(agent.FindingKeytabLost, nil)
	case err != nil:
		return // there is none
	default:
		for _, key := range k.Keys() {
			result.Details = append(result.Details, fmt.Sprintf("%s, kvno %d, %s", key.Principal, key.KVNO, key.Type))
		}
		services := d.Services(ctx)
		if len(services) == 0 {
			warn(agent.FindingNoServiceName, nil)
		}
		for _, service := range services {
			if !agent.HasService(k.Keys(), service) && result.Finding == "" {
				warn(agent.FindingNoService, map[string]string{"Service": service})
			}
		}
	}
	result.Took = time.Since(began)
	report.Steps = append(report.Steps, result)
}
