package web

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"ideco-agent/agent"
	"ideco-agent/agent/firewall"
)

// clock checks that the time is right, because certificates and tickets depend on it.
func (d *doctor) clock(context.Context) []agent.Check {
	var made time.Time
	if root := d.root(); root != nil {
		made = root.NotBefore
	}
	synchronised, err := isSynchronised()
	return []agent.Check{judgeClock(time.Now(), made, synchronised, err)}
}

// judgeClock judges the time. made is when the root certificate was made, which cannot be later; err is why it is unknown whether the
// clock is synchronised.
func judgeClock(now, made time.Time, synchronised bool, err error) agent.Check {
	zone, _ := now.Zone()
	about := args("Time", now.Format(time.RFC3339), "Zone", zone, "Since", made.UTC().Format(time.RFC3339))
	switch {
	case now.Before(made):
		return agent.NewCheck(agent.CheckClockPast, about)
	case err != nil:
		return agent.NewCheck(agent.CheckClockUnknown, about)
	case !synchronised:
		return agent.NewCheck(agent.CheckClockUnsynced, about)
	}
	return agent.NewCheck(agent.CheckClock, about)
}

// isSynchronised asks the kernel whether a program keeps the clock right. Inside the unit ProtectClock= forbids the question; then the
// file tells that systemd-timesyncd makes once it has set the clock.
func isSynchronised() (bool, error) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err == nil {
		return state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0, nil
	}
	if _, missing := os.Stat("/run/systemd/timesync/synchronized"); missing == nil {
		return true, nil
	}
	return false, err
}

// rights checks the user of the gateway, what that user may do, and the files of the data directory.
func (d *doctor) rights(context.Context) (list []agent.Check) {
	if d.pid != 0 {
		list = append(list, d.capabilities()...)
	}
	if d.missing() {
		return list
	}
	owner, err := os.Stat(d.data)
	if err != nil {
		return append(list, agent.NewCheck(agent.CheckFilesUnknown, args("Data", d.data)))
	}
	self := ownerOf(owner)
	if info, err := os.Stat(fmt.Sprintf("/proc/%d", d.pid)); err == nil && d.pid != 0 {
		self = ownerOf(info)
	}
	return append(list, d.files(self)...)
}

// Capabilities by their names. The gateway works without CAP_NET_RAW; see agent/firewall.
var capabilityNames = []struct {
	bit  int
	name string
}{{unix.CAP_NET_ADMIN, "CAP_NET_ADMIN"}, {unix.CAP_NET_BIND_SERVICE, "CAP_NET_BIND_SERVICE"}, {unix.CAP_NET_RAW, "CAP_NET_RAW"}}

func (d *doctor) capabilities() []agent.Check {
	info, err := os.Stat(fmt.Sprintf("/proc/%d", d.pid))
	if err != nil {
		return nil
	}
	list := []agent.Check{agent.NewCheck(agent.CheckUser, args("User", userName(ownerOf(info))))}
	set, ok := effective(d.pid)
	if !ok {
		return list
	}
	var lack, little []string
	for _, c := range capabilityNames {
		switch {
		case set&(1<<c.bit) != 0:
		case c.bit == unix.CAP_NET_RAW:
			little = append(little, c.name)
		case c.bit == unix.CAP_NET_ADMIN && d.start.Firewall == firewall.ModeOff && d.start.Tunnel == TunnelOff:
		case c.bit == unix.CAP_NET_BIND_SERVICE && !d.hasLowPort():
		default:
			lack = append(lack, c.name)
		}
	}
	switch {
	case len(lack) > 0:
		list = append(list, agent.NewCheck(agent.CheckCapabilitiesLack, args("Capabilities", strings.Join(lack, ", "))))
	case len(little) > 0 && d.start.Firewall != firewall.ModeOff:
		list = append(list, agent.NewCheck(agent.CheckCapabilitiesLittle, args("Capabilities", strings.Join(little, ", "))))
	default:
		list = append(list, agent.NewCheck(agent.CheckCapabilities, nil))
	}
	return list
}

func (d *doctor) hasLowPort() bool {
	for _, part := range d.start.config(d.data).listening() {
		if port := tcpPort(part.where); port != 0 && port < 1024 {
			return true
		}
	}
	return false
}

// effective returns the effective capabilities of a process.
func effective(pid int) (set uint64, ok bool) {
	set, err := strconv.ParseUint(procField(fmt.Sprintf("/proc/%d/status", pid), "CapEff:"), 16, 64)
	return set, err == nil
}

// procField returns what follows a name at the beginning of a line.
func procField(file, name string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// files checks the owner and mode of the data directory and its files by the rules of checkData, and changes nothing.
func (d *doctor) files(self int) (list []agent.Check) {
	judge := func(file string, k dataFile, stat func(string) (fs.FileInfo, error)) {
		info, err := stat(file)
		if err != nil {
			return
		}
		fault := k.fault(info.Mode(), ownerOf(info), self)
		about := args("File", file, "Mode", octal(info.Mode()), "Owner", userName(ownerOf(info)), "User", userName(self),
			"Command", fmt.Sprintf("chmod %o %s", k.mode(), file))
		switch fault {
		case faultNone:
		case faultOwner:
			about["Command"] = k.chown(self, file)
			list = append(list, agent.NewCheck(agent.CheckFileOwner, about))
		case faultWritable:
			list = append(list, agent.NewCheck(agent.CheckFileWritable, about))
		case faultReadable:
			list = append(list, agent.NewCheck(agent.CheckFileOpen, about))
		default:
			list = append(list, agent.NewCheck(agent.CheckFileKind, about))
		}
	}
	entries, err := os.ReadDir(d.data)
	if err != nil {
		return []agent.Check{agent.NewCheck(agent.CheckFilesUnknown, args("Data", d.data))}
	}
	judge(d.data, dataFile{dir: true}, os.Stat)
	for _, e := range entries {
		for _, k := range dataFiles {
			if ours, _ := path.Match(k.name, e.Name()); ours {
				judge(filepath.Join(d.data, e.Name()), k, os.Lstat)
				break
			}
		}
	}
	if len(list) == 0 {
		list = []agent.Check{agent.NewCheck(agent.CheckFiles, nil)}
	}
	return list
}

// kernel checks what the gateway needs of the kernel.
func (d *doctor) kernel(context.Context) []agent.Check {
	list := []agent.Check{agent.NewCheck(agent.CheckKernel, args("Release", kernelVersion()))}
	if d.start.Firewall != firewall.ModeOff {
		list = append(list, nftables())
	}
	if d.start.Tunnel != TunnelOff {
		list = append(list, tunnelDevice())
	}
	list = append(list, conntrack("/proc/sys/net/netfilter/nf_conntrack_count", "/proc/sys/net/netfilter/nf_conntrack_max"))
	if _, err := os.Stat("/proc/net/if_inet6"); err != nil {
		return append(list, agent.NewCheck(agent.CheckIPv6Off, nil))
	}
	return append(list, agent.NewCheck(agent.CheckIPv6, nil))
}

func nftables() agent.Check {
	err := firewall.Check()
	switch {
	case err == nil:
		return agent.NewCheck(agent.CheckNFTables, nil)
	case errors.Is(err, firewall.ErrNoRights):
		return agent.NewCheck(agent.CheckNFTablesUnknown, nil)
	case errors.Is(err, firewall.ErrNoProgram):
		return agent.NewCheck(agent.CheckNFTablesProgram, nil)
	}
	return agent.NewCheck(agent.CheckNFTablesMissing, nil)
}

func tunnelDevice() agent.Check {
	if _, err := os.Stat("/sys/module/wireguard"); err == nil {
		return agent.NewCheck(agent.CheckWireGuardModule, nil)
	}
	f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		return agent.NewCheck(agent.CheckTunMissing, nil)
	}
	_ = f.Close()
	return agent.NewCheck(agent.CheckTun, nil)
}

// conntrackFull is the part of the table of connections from which on the doctor warns, in percent.
const conntrackFull = 80

func conntrack(count, most string) agent.Check {
	used, err := readNumber(count)
	limit, err2 := readNumber(most)
	about := args("Now", used, "Max", limit)
	switch {
	case err != nil || err2 != nil || limit == 0:
		return agent.NewCheck(agent.CheckConntrackUnknown, nil)
	case used*100 >= limit*conntrackFull:
		return agent.NewCheck(agent.CheckConntrackFull, about)
	}
	return agent.NewCheck(agent.CheckConntrack, about)
}

func readNumber(file string) (uint64, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
}

// fewAgents is the number of agents below which the limit of open files is a warning.
const fewAgents = 1000

// memory checks the memory of this computer and the gateway's limit of open files.
func (d *doctor) memory(context.Context) []agent.Check {
	free, ok := kilobytes(procField("/proc/meminfo", "MemAvailable:"))
	used, _ := kilobytes(procField(fmt.Sprintf("/proc/%d/status", d.pid), "VmRSS:"))
	list := []agent.Check{memoryCheck(free, used, ok)}
	if words := strings.Fields(procField(fmt.Sprintf("/proc/%d/limits", d.pid), "Max open files")); len(words) > 0 {
		limit, err := strconv.Atoi(words[0])
		b := budgetFor(limit)
		agents := b.sessions + b.agent.outside + b.agent.lan
		about := args("Limit", limit, "Agents", agents)
		switch {
		case err != nil: // unlimited
		case agents < fewAgents:
			list = append(list, agent.NewCheck(agent.CheckDescriptorsLow, about))
		default:
			list = append(list, agent.NewCheck(agent.CheckDescriptors, about))
		}
	}
	return list
}

// memoryLow is the free memory below which the doctor warns.
const memoryLow = 64 << 20

func memoryCheck(free, used uint64, known bool) agent.Check {
	about := args("Free", free, "Used", used)
	switch {
	case !known:
		return agent.NewCheck(agent.CheckMemoryUnknown, nil)
	case free < memoryLow:
		return agent.NewCheck(agent.CheckMemoryLow, about)
	}
	return agent.NewCheck(agent.CheckMemory, about)
}

// kilobytes reads "123 kB" as bytes.
func kilobytes(text string) (uint64, bool) {
	n, err := strconv.ParseUint(strings.TrimSuffix(text, " kB"), 10, 64)
	return n << 10, err == nil
}

// Units of systemd.
const (
	serviceUnit = "ideco-agent-backend.service"
	bootUnit    = "ideco-firewall.service"
)

// unitProperties are those that the doctor reads and the file for support has. None has the environment.
const unitProperties = "Id,LoadState,ActiveState,SubState,Result,UnitFileState,NRestarts,ExecMainStatus,ExecMainStartTimestamp,MainPID"

// service checks the unit of the gateway, where systemd runs.
func (d *doctor) service(ctx context.Context) []agent.Check {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return []agent.Check{agent.NewCheck(agent.CheckNoSystemd, nil)}
	}
	state, err := unitState(ctx, serviceUnit)
	about := args("Unit", serviceUnit, "State", state["ActiveState"], "Count", state["NRestarts"])
	var list []agent.Check
	switch {
	case err != nil || state["LoadState"] != "loaded":
		return []agent.Check{agent.NewCheck(agent.CheckUnitAbsent, about)}
	case state["ActiveState"] == "failed":
		list = append(list, agent.NewCheck(agent.CheckUnitFailed, about))
	case state["NRestarts"] != "" && state["NRestarts"] != "0":
		list = append(list, agent.NewCheck(agent.CheckUnitRestarts, about))
	default:
		list = append(list, agent.NewCheck(agent.CheckUnit, about))
	}
	if state["UnitFileState"] == "disabled" {
		list = append(list, agent.NewCheck(agent.CheckUnitDisabled, about))
	}
	return list
}

// unitState asks systemd for the properties of a unit.
func unitState(ctx context.Context, unit string) (map[string]string, error) {
	out, err := exec.CommandContext(ctx, "systemctl", "show", "--property="+unitProperties, unit).Output()
	if err != nil {
		return nil, err
	}
	state := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		state[name] = value
	}
	return state, nil
}
