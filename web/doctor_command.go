package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ideco-agent/agent"
	"ideco-agent/agent/directory"
	"ideco-agent/agent/firewall"
	"ideco-agent/agent/secretbox"
	"ideco-agent/agent/store"
	"ideco-agent/handlers"
	"ideco-agent/templates/locale"
)

// openDoctor returns the doctor of a command that runs beside the gateway, or without it. Defaults are the flags of serve for a gateway
// that has never run here. close ends its use.
func openDoctor(ctx context.Context, defaults Config) (d *doctor, close func()) {
	log := slog.New(slog.DiscardHandler)
	d = &doctor{data: defaults.Data, start: lastStart(defaults.Data, defaults), log: log}
	running, err := isRunning(d.data)
	if d.unsure = err; running {
		d.pid = d.start.Process
	}
	if d.db, d.unread = store.OpenReadOnly(ctx, databaseIn(d.data)); d.unread != nil {
		d.db = nil
		return d, func() {}
	}
	now, _, err := d.db.Settings(ctx)
	if err != nil {
		d.unread = err
		_ = d.db.Close()
		d.db = nil
		return d, func() {}
	}
	d.settings = func() agent.Settings { return now }
	network := directory.New(directory.NewLocal(d.db, log), d.db, log)
	stored := &directories{store: d.db, box: secretbox.New(filepath.Join(d.data, secretKeyFile)), log: log}
	d.directories = stored.load
	d.test = func(ctx context.Context, s agent.DirectorySettings) agent.DirectoryReport {
		return network.Test(ctx, s, "", nil)
	}
	d.conditions = d.site(stored).Conditions
	return d, func() {
		network.Close()
		_ = d.db.Close()
	}
}

// site has as much of the gateway as its conditions need, as it can be seen from beside it.
func (d *doctor) site(stored *directories) *handlers.Site {
	settings := beside{now: d.settings(), doctor: d}
	embedded, err := openInstaller()
	if err != nil {
		embedded.absent = err
	}
	return &handlers.Site{
		Log:          d.log,
		Settings:     besideSettings{settings: settings},
		Gateway:      besideGateway{gateway: gateway{tunnelName: d.start.TunnelName}, state: settings.gatewayState()},
		Directories:  besideDirectories{directories: stored},
		Tunnel:       settings,
		Installer:    embedded,
		Certificates: besideCertificates{},
		Backups:      besideBackups{},
		Addressing:   &hosts{settings: d.settings},
		Storing:      func() agent.StoreTrouble { return "" },
	}
}

// beside is the gateway as another process sees it.
type beside struct {
	*doctor
	now agent.Settings
}

// The adapters have the methods that conditions need.
type (
	besideSettings struct {
		handlers.Settings
		settings beside
	}
	besideGateway struct {
		gateway
		state agent.GatewayState
	}
	besideDirectories  struct{ *directories }
	besideCertificates struct{ handlers.Certificates }
	besideBackups      struct{ handlers.Backups }
)

func (s besideSettings) Current() agent.Settings { return s.settings.now }

func (g besideGateway) State() agent.GatewayState { return g.state }

// Status is unknown: the doctor tests the directories instead.
func (besideDirectories) Status(agent.DirectoryID) agent.DirectoryStatus {
	return agent.DirectoryStatus{}
}

// Ending is unknown: the doctor looks at the certificate that is served.
func (besideCertificates) Ending() []agent.CertificateEnd { return nil }

// State is unknown: only the process that failed knows.
func (besideBackups) State() agent.BackupState { return agent.BackupState{} }

// Available reports whether the tunnel runs. Of a stopped gateway that is said elsewhere.
func (b beside) Available() bool { return b.pid == 0 || b.start.Tunnel != TunnelOff }

// Forwards reports whether the tunnel has an interface.
func (b beside) Forwards() bool { return b.Lacks() == agent.TunnelLacksNothing }

// Lacks judges a running tunnel by its interface. Without one it runs inside the process.
func (b beside) Lacks() agent.TunnelLack {
	set, known := effective(b.pid)
	_, err := os.Stat("/dev/net/tun")
	switch {
	case b.pid == 0 || tunnelMode(b.start.TunnelName) != "":
		return agent.TunnelLacksNothing
	case b.start.Tunnel == "netstack":
		return agent.TunnelNetstack
	case known && set&(1<<unix.CAP_NET_ADMIN) == 0:
		return agent.TunnelLacksRights
	case err != nil:
		return agent.TunnelLacksDevice
	}
	return agent.TunnelLacksAccess
}

// gatewayState compares what should be in force with the table and with the files for the next boot. Whether a stopped gateway left its
// table behind is said elsewhere.
func (b beside) gatewayState() agent.GatewayState {
	s := agent.GatewayState{Forwarding4: isOn(forwarding4), Forwarding6: isOn(forwarding6)}
	chosen := b.now.InterfacesChosen()
	_, loaded, err := firewall.Count()
	plan, planErr := savedPlan(b.data)
	var failed error
	switch {
	case b.pid == 0 || b.start.Firewall == firewall.ModeOff:
	case chosen && err == nil && !loaded:
		failed = firewall.Check()
		if failed == nil {
			failed = fs.ErrNotExist
		}
		s.Enforcement, _ = enforcement(b.start.Firewall, chosen, failed, nil)
		return s
	case planErr != nil, chosen && plan.Empty():
		s.Boot = agent.BootFailed
	case !chosen && !plan.Empty():
		s.Boot, s.BootClosed = agent.BootFailed, true
	case chosen && !samePlaces(plan, b.now):
		failed = fs.ErrInvalid
	}
	s.Enforcement, _ = enforcement(b.start.Firewall, chosen, nil, failed)
	if links, err := netlink.LinkList(); err == nil && chosen {
		s.Replaced = replacedNames(b.now, links)
	}
	return s
}

// samePlaces reports whether a saved plan is that of the settings. What only the gateway knows is taken from the plan.
func samePlaces(plan firewall.Plan, s agent.Settings) bool {
	links, err := firewall.Interfaces()
	if err != nil {
		return true // not known
	}
	wanted, _ := planOf(s, planInputs{links: links, tunnel: plan.Tunnel, ports: plan.Redirect, domainAddrs: plan.Redirect.GatewayAddrs})
	a, errA := json.Marshal(plan)
	b, errB := json.Marshal(wanted)
	return errA != nil || errB != nil || bytes.Equal(a, b)
}

// DoctorOutput says what Doctor writes.
type DoctorOutput struct {
	To     io.Writer
	Lang   string // "ru" or "en"
	JSON   bool   // for programs
	Bundle string // file for support to make; empty = none
}

// Doctor checks the gateway on a data directory, whether it runs or not, and prints the results. It changes nothing. An error says how
// many checks have failed. Defaults has the data directory and the flags of serve.
func Doctor(ctx context.Context, defaults Config, out DoctorOutput) error {
	d, close := openDoctor(ctx, defaults)
	defer close()
	l := locale.For(out.Lang)
	if out.Bundle != "" {
		if err := d.saveBundle(ctx, out.Bundle, l); err != nil {
			return err
		}
	}
	report := d.Last()
	if report.At.IsZero() {
		var err error
		if report, err = d.Check(ctx); err != nil {
			return err
		}
	}
	if err := writeReport(out.To, l, report, out.JSON); err != nil {
		return err
	}
	if failed := report.Count(agent.StepFailed); failed > 0 {
		return message("checks that failed: %d", failed)
	}
	return nil
}

func writeReport(w io.Writer, l *locale.Localizer, r agent.CheckReport, asJSON bool) error {
	if !asJSON {
		return writeChecks(w, l, r)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(handlers.NewCheckReportJSON(l, r))
}

// saveBundle writes the file for support, readable by its owner alone.
func (d *doctor) saveBundle(ctx context.Context, path string, l *locale.Localizer) error {
	var b bytes.Buffer
	if err := d.Bundle(ctx, &b, l); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return message("the file for support cannot be written: %w", err)
	}
	if _, err := f.Write(b.Bytes()); err != nil {
		return message("the file for support cannot be written: %w", errors.Join(err, f.Close(), os.Remove(path)))
	}
	return f.Close()
}
