package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/store"
)

// doctor finds out whether the gateway and what it needs on this computer work. It changes nothing. The same checks run inside the
// gateway for its page and in the command beside it, which cannot see into the process: there doctor_command.go fills the fields.
type doctor struct {
	data        string
	start       startRecord
	pid         int          // of the gateway; 0 = it does not run
	unsure      error        // why it is unknown whether it runs
	db          *store.Store // nil if it cannot be read
	unread      error        // why it cannot be read
	settings    func() agent.Settings
	conditions  func(context.Context) ([]agent.Condition, error)
	directories func(context.Context) ([]agent.DirectorySettings, error) // with their secrets
	test        func(context.Context, agent.DirectorySettings) agent.DirectoryReport
	recent      func() []agent.LogRecord // the last warnings and errors of this process; nil beside it
	log         *slog.Logger

	running sync.Mutex // guards the fields below
	now     *doctorRun // nil = none
	last    agent.CheckReport
}

// doctorRun is a run for which one or several people wait.
type doctorRun struct {
	done   chan struct{} // closed when report is there
	report agent.CheckReport
}

// Time limits of the checks of a group. Those of directories connect to several controllers one after the other.
const (
	checkTime     = 8 * time.Second
	directoryTime = 20 * time.Second
)

// Check runs all checks. Whoever asks while they run gets the same result. A run goes on when the one who began it gives up.
func (d *doctor) Check(ctx context.Context) (agent.CheckReport, error) {
	d.running.Lock()
	run := d.now
	if run == nil {
		run = &doctorRun{done: make(chan struct{})}
		d.now = run
		go d.finish(context.WithoutCancel(ctx), run)
	}
	d.running.Unlock()
	select {
	case <-run.done:
		return run.report, nil
	case <-ctx.Done():
		return agent.CheckReport{}, ctx.Err()
	}
}

func (d *doctor) finish(ctx context.Context, run *doctorRun) {
	run.report = d.examine(ctx)
	d.running.Lock()
	d.now, d.last = nil, run.report
	d.running.Unlock()
	close(run.done)
}

// Last returns the last result; its time is zero before the first run.
func (d *doctor) Last() agent.CheckReport {
	d.running.Lock()
	defer d.running.Unlock()
	return d.last
}

// examine runs the checks of all groups at the same time.
func (d *doctor) examine(ctx context.Context) agent.CheckReport {
	report := agent.CheckReport{At: time.Now()}
	groups := map[agent.CheckGroup]func(context.Context) []agent.Check{
		agent.ChecksGateway:     d.gateway,
		agent.ChecksService:     d.service,
		agent.ChecksPorts:       d.ports,
		agent.ChecksName:        d.name,
		agent.ChecksCertificate: d.certificate,
		agent.ChecksClock:       d.clock,
		agent.ChecksRights:      d.rights,
		agent.ChecksKernel:      d.kernel,
		agent.ChecksForwarding:  d.forwarding,
		agent.ChecksDNS:         d.dns,
		agent.ChecksTunnel:      d.tunnel,
		agent.ChecksFirewall:    d.firewall,
		agent.ChecksDirectories: d.directory,
		agent.ChecksDisk:        d.disk,
		agent.ChecksMemory:      d.memory,
	}
	results := make(chan []agent.Check, len(groups))
	for group, check := range groups {
		go func() { results <- inTime(ctx, group, check) }()
	}
	conditions := d.conditionChecks(ctx)
	for range groups {
		report.Checks = append(report.Checks, <-results...)
	}
	report.Checks = withConditions(report.Checks, conditions)
	report.Sort()
	report.Took = time.Since(report.At)
	return report
}

// inTime runs the checks of a group and gives up when they take too long. Then they end by themselves.
func inTime(ctx context.Context, group agent.CheckGroup, check func(context.Context) []agent.Check) []agent.Check {
	limit := checkTime
	if group == agent.ChecksDirectories {
		limit = directoryTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	found := make(chan []agent.Check, 1)
	go func() { found <- check(ctx) }()
	select {
	case list := <-found:
		return list
	case <-ctx.Done():
		late := agent.NewCheck(agent.CheckTimeout, nil)
		late.Group = group
		return []agent.Check{late}
	}
}

// conditionChecks returns the conditions of the page «Шлюз» as results, without those of silent directories, which the test of the
// directories finds.
func (d *doctor) conditionChecks(ctx context.Context) (list []agent.Check) {
	if d.conditions == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	conditions, err := d.conditions(ctx)
	if err != nil {
		d.log.Error("read the state of the gateway", "error", err)
	}
	for _, c := range conditions {
		if c.Code != agent.ConditionDirectory {
			list = append(list, agent.CheckOfCondition(c))
		}
	}
	return list
}

// replacedBy has the results that say less than a condition: they are left out beside it.
var replacedBy = map[agent.ConditionCode][]agent.CheckCode{
	agent.ConditionForwarding:  {agent.CheckForwarding4, agent.CheckForwarding6, agent.CheckForwarding6Off},
	agent.ConditionDNS:         {agent.CheckDNS},
	agent.ConditionVPN:         {agent.CheckTunnel},
	agent.ConditionVPNLacks:    {agent.CheckTunnel},
	agent.ConditionCertificate: {agent.CheckCertificate, agent.CheckCertificateEnding},
	agent.ConditionStore:       {agent.CheckDatabase},
	agent.ConditionEnforcement: {agent.CheckTable, agent.CheckTableIdle, agent.CheckNFTablesUnknown},
	agent.ConditionInterfaces:  {agent.CheckTableIdle, agent.CheckForwardingIdle},
}

// withConditions puts conditions before the other results, and leaves out what they replace. Whether the gateway runs comes first.
func withConditions(checks, conditions []agent.Check) []agent.Check {
	less := map[agent.CheckCode]bool{}
	for _, c := range conditions {
		for _, code := range replacedBy[c.Condition.Code] {
			less[code] = true
		}
	}
	var first, rest []agent.Check
	for _, c := range checks {
		switch {
		case less[c.Code]:
		case c.Group == agent.ChecksGateway:
			first = append(first, c)
		default:
			rest = append(rest, c)
		}
	}
	return slices.Concat(first, conditions, rest)
}

// args makes the arguments of a text from names and values.
func args(pairs ...any) map[string]string {
	m := make(map[string]string, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i].(string)] = agent.Clean(fmt.Sprint(pairs[i+1]), 300)
	}
	return m
}

// gateway says whether the gateway runs.
func (d *doctor) gateway(context.Context) []agent.Check {
	switch {
	case d.unsure != nil:
		return []agent.Check{agent.NewCheck(agent.CheckRunningUnknown, args("Data", d.data))}
	case d.pid != 0:
		return []agent.Check{agent.NewCheck(agent.CheckRunning, args("Version", d.start.Version, "Process", d.pid))}
	}
	if d.missing() {
		return []agent.Check{agent.NewCheck(agent.CheckNoData, args("Data", d.data))}
	}
	return []agent.Check{agent.NewCheck(agent.CheckStopped, args("Data", d.data))}
}

// missing reports whether there is no data directory. Then there is nothing in it to check.
func (d *doctor) missing() bool {
	_, err := os.Stat(d.data)
	return errors.Is(err, fs.ErrNotExist)
}
