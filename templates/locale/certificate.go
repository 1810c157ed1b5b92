package locale

import (
	"cmp"
	"time"

	"ideco-agent/agent"
)

// certificateArgNames are the arguments of all texts about ordering a certificate.
var certificateArgNames = []string{"Address", "Addresses", "Domain", "Error", "Host", "Inside", "Issuer", "Issuers", "Name", "Outside", "Port", "Server", "Servers", "Until"}

// CertificateCause says why a certificate could not be ordered.
func (l *Localizer) CertificateCause(p agent.CertificateProblem) string {
	return l.T("certificate_cause_"+string(p.Code), l.certificateArgs(p.Args))
}

// CertificateCure says what to do about it.
func (l *Localizer) CertificateCure(p agent.CertificateProblem) string {
	return l.T("certificate_cure_"+string(p.Code), l.certificateArgs(p.Args))
}

// NameCheck says what the gateway found out about a name.
func (l *Localizer) NameCheck(c agent.NameCheck) string {
	return l.T("certificate_check_"+string(c.Check), l.certificateArgs(c.Args))
}

// CertificateEvent names an event of the history.
func (l *Localizer) CertificateEvent(e agent.CertificateEventKind) string {
	return l.T("certificate_event_" + string(e))
}

// CertificateEnd warns of a certificate that ends and that nothing will renew.
func (l *Localizer) CertificateEnd(end agent.CertificateEnd) string {
	id, ended, fails := "certificate_ending", end.NotAfter.Before(time.Now()), end.Order == agent.OrderFailed
	switch {
	case ended && fails:
		id = "certificate_ended_fails"
	case ended:
		id = "certificate_ended"
	case end.Source == agent.SourceACME:
		id = "certificate_ending_acme"
	case fails:
		id = "certificate_ending_fails"
	case end.Order == agent.OrderNever:
		id = "certificate_ending_never"
	}
	return l.T(id, Args{"Name": end.Name, "Until": l.Time(end.NotAfter)})
}

// certificateArgs returns the arguments of a text: a dash for each missing value, and Until, which comes in RFC 3339, in the language's form.
func (l *Localizer) certificateArgs(values map[string]string) Args {
	args := Args{}
	for _, name := range certificateArgNames {
		args[name] = cmp.Or(values[name], "—")
	}
	if until, err := time.Parse(time.RFC3339, values["Until"]); err == nil {
		args["Until"] = l.Time(until)
	}
	return args
}
