package locale

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"ideco-agent/agent"
)

// Expiring returns the notice before a session ends.
func (l *Localizer) Expiring(left time.Duration) string {
	return l.T("notice_expiring", Args{"Left": l.Duration(coarse(left))})
}

// coarse rounds a wait of more than a minute up to whole minutes.
func coarse(d time.Duration) time.Duration {
	if d <= time.Minute {
		return d
	}
	return (d + time.Minute - 1).Truncate(time.Minute)
}

// Time formats a time in the gateway's time zone: «23.11.2026 14:05», "23 Nov 2026 14:05". The zero time is «—».
func (l *Localizer) Time(t time.Time) string {
	if t.IsZero() {
		return "—"
	}
	return l.Date(t) + t.Local().Format(" 15:04")
}

// Date is Time without the time of day.
func (l *Localizer) Date(t time.Time) string {
	if l.lang == "en" {
		return t.Local().Format("2 Jan 2006")
	}
	return t.Local().Format("02.01.2006")
}

// ShortTime is Time, but without the date if it is today.
func (l *Localizer) ShortTime(t, now time.Time) string {
	if t.Local().Format(time.DateOnly) == now.Local().Format(time.DateOnly) {
		return t.Local().Format("15:04")
	}
	return l.Time(t)
}

// CompactTime formats a time for a narrow column: «14:05» today, «23.11 14:05» within half a year, else «23.11.2026». The zero time is «—».
func (l *Localizer) CompactTime(t, now time.Time) string {
	day := t.Local()
	switch passed := now.Sub(t); {
	case t.IsZero():
		return "—"
	case day.Format(time.DateOnly) == now.Local().Format(time.DateOnly):
		return day.Format("15:04")
	case passed > 183*24*time.Hour || passed < -183*24*time.Hour:
		return l.Date(t)
	case l.lang == "ru":
		return day.Format("02.01 15:04")
	}
	return day.Format("2 Jan 15:04")
}

// Ago formats the time from t to now: «5 мин назад», «только что». The zero time is «—».
func (l *Localizer) Ago(t, now time.Time) string {
	if t.IsZero() {
		return "—"
	}
	passed := now.Sub(t)
	if passed < 5*time.Second {
		return l.T("just_now")
	}
	return l.T("ago", Args{"Passed": l.Duration(passed)})
}

// Duration formats a duration in its two largest units, rounded up to a second: «45 с», «5 мин», «2 ч 05 мин», «3 д 04 ч». A
// negative one counts as zero.
func (l *Localizer) Duration(d time.Duration) string {
	d = max(d, 0)
	s := int64((d + time.Second - 1) / time.Second)
	m, h, days := s/60, s/3600, s/86400
	switch {
	case s < 60:
		return l.T("seconds", Args{"S": s})
	case m < 60 && s%60 == 0 || m >= 10 && m < 60:
		return l.T("minutes", Args{"M": m})
	case m < 60:
		return l.T("minutes_seconds", Args{"M": m, "S": pad(s % 60)})
	case h < 24:
		return l.T("hours", Args{"H": h, "M": pad(m % 60)})
	default:
		return l.T("days", Args{"D": days, "H": pad(h % 24)})
	}
}

func pad(n int64) string { return fmt.Sprintf("%02d", n) }

// Hours formats a duration in hours with all decimals: «12 ч», «0,5 ч».
func (l *Localizer) Hours(d time.Duration) string {
	return l.T("hours_only", Args{"H": l.Number(math.Round(d.Hours()*1000) / 1000)})
}

// Bytes formats an amount with one decimal in units of 1024, as Windows does: «1,4 ГБ», «512 Б». nil (not counted) is «—».
func (l *Localizer) Bytes(n *uint64) string {
	if n == nil {
		return "—"
	}
	value, unit := float64(*n), 0
	units := strings.Fields(l.T("byte_units"))
	for value >= 1023.95 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	text := l.decimal(fmt.Sprintf("%.1f", value))
	if unit == 0 {
		text = fmt.Sprintf("%d", *n)
	}
	return text + " " + units[unit]
}

// Whole formats a whole number with a mark between thousands: «20 000».
func (l *Localizer) Whole(n int) string {
	mark := "\u00a0"
	if l.lang == "en" {
		mark = ","
	}
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + mark + text[i:]
	}
	return text
}

// Number formats a number with all its decimals: «0,001», «24».
func (l *Localizer) Number(v float64) string { return l.decimal(strconv.FormatFloat(v, 'f', -1, 64)) }

func (l *Localizer) decimal(text string) string {
	if l.lang == "ru" {
		return strings.Replace(text, ".", ",", 1)
	}
	return text
}

// Kind names the kind of a session.
func (l *Localizer) Kind(k agent.Kind) string { return l.T("kind_" + string(k)) }

// KindShort is Kind in one word, for tables.
func (l *Localizer) KindShort(k agent.Kind) string { return l.T("kind_short_" + string(k)) }

// Way names a way of logging in.
func (l *Localizer) Way(w agent.Way) string { return l.T("way_" + string(w)) }

// JournalEnd tells an administrator why a session has ended; "" is not known.
func (l *Localizer) JournalEnd(r agent.Reason) string {
	return l.T("journal_end_" + cmp.Or(string(r), "unknown"))
}

// JournalRefusal tells an administrator why a login was refused.
func (l *Localizer) JournalRefusal(c agent.Code) string { return l.T("journal_refused_" + string(c)) }

// Enforcement describes what the firewall does now and, if it fails, why and what to do.
func (l *Localizer) Enforcement(g agent.GatewayState) string {
	return l.T("enforcement_"+string(g.Enforcement), Args{"Flowtable": cmp.Or(g.Flowtable, "—")})
}

// Boot describes what will be wrong after the next boot, why and what to do.
func (l *Localizer) Boot(g agent.GatewayState) string {
	wrong := "boot_open"
	if g.BootClosed {
		wrong = "boot_closed"
	}
	return l.T(wrong) + " " + l.T("boot_"+string(g.Boot))
}

// TunnelLack tells an administrator what to do for a tunnel that leads further.
func (l *Localizer) TunnelLack(t agent.TunnelLack) string { return l.T("vpn_lacks_" + string(t)) }

// Store tells an administrator why nothing can be stored, what to do, and what works meanwhile.
func (l *Localizer) Store(t agent.StoreTrouble) string {
	return l.T("store_"+string(t)) + " " + l.T("store_meanwhile")
}

// conditionArgs are the arguments of the texts of conditions.
var conditionArgs = []string{"Interfaces", "Name", "Networks", "Servers"}

// Condition tells an administrator what is wrong with the gateway and why.
func (l *Localizer) Condition(c agent.Condition) string {
	at, _ := time.Parse(time.RFC3339, cmp.Or(c.Args["Time"], c.Args["Until"]))
	switch c.Code {
	case agent.ConditionStore:
		return l.Store(agent.StoreTrouble(c.Detail))
	case agent.ConditionInterfaces:
		return l.Enforcement(agent.GatewayState{Enforcement: agent.EnforcementIdle})
	case agent.ConditionEnforcement:
		return l.Enforcement(agent.GatewayState{Enforcement: agent.Enforcement(c.Detail), Flowtable: c.Args["Flowtable"]})
	case agent.ConditionBoot:
		return l.Boot(agent.GatewayState{Boot: agent.BootTrouble(c.Detail), BootClosed: c.Args["Closed"] != ""})
	case agent.ConditionBackup:
		return l.T("condition_backup", Args{"Time": l.Time(at)}) + " " + l.T(agent.BackupTrouble(c.Detail).Code())
	case agent.ConditionVPN:
		return l.T("vpn_unavailable_note")
	case agent.ConditionVPNLacks:
		return l.T("condition_vpn_lacks") + " " + l.TunnelLack(agent.TunnelLack(c.Detail))
	case agent.ConditionCertificate:
		return l.CertificateEnd(agent.CertificateEnd{Name: c.Args["Name"], NotAfter: at, Source: agent.CertificateSource(c.Args["Source"]),
			Order: agent.OrderState(c.Args["Order"])})
	}
	id, args := "condition_"+string(c.Code), Args{"Time": l.Time(at)}
	if c.Detail != "" {
		id += "_" + c.Detail
	}
	for _, name := range conditionArgs {
		args[name] = cmp.Or(c.Args[name], "—")
	}
	return l.T(id, args)
}

// State names the state of a live session.
func (l *Localizer) State(s agent.State) string { return l.T("state_" + string(s)) }

// Cause says what a step of testing a directory found; empty if it found nothing.
func (l *Localizer) Cause(r agent.StepResult) string { return l.finding("directory_cause_", r) }

// Cure says what to do about it.
func (l *Localizer) Cure(r agent.StepResult) string { return l.finding("directory_cure_", r) }

// findingArgs are the arguments of all texts of findings.
var findingArgs = []string{"Base", "Error", "Group", "Host", "Issuer", "Limit", "Login", "Minutes", "Name", "Names", "Reason", "Server", "Service", "Until"}

func (l *Localizer) finding(prefix string, r agent.StepResult) string {
	if r.Finding == "" {
		return ""
	}
	args := Args{}
	for _, name := range findingArgs {
		args[name] = cmp.Or(r.Args[name], "—")
	}
	if day, err := time.ParseInLocation(time.DateOnly, r.Args["Until"], time.Local); err == nil {
		args["Until"] = l.Date(day)
	}
	if r.Reason != "" {
		reason := l.Refusal(&agent.Error{Code: r.Reason})
		if r.Finding == agent.FindingSearchAccount { // the other sentences tell employees what to do
			first, _, _ := strings.Cut(reason, ". ")
			reason = strings.TrimSuffix(first, ".") + "."
		}
		args["Reason"] = reason
	}
	return l.T(prefix+string(r.Finding), args)
}

// Milliseconds formats the time of a step: «14 мс».
func (l *Localizer) Milliseconds(d time.Duration) string {
	return l.T("milliseconds", Args{"MS": l.Number(float64(d.Milliseconds()))})
}
