package locale

import (
	"cmp"
	"time"

	"ideco-agent/agent"
)

// certificateArgs are the arguments of all texts about certificates.
var certificateArgs = []string{"Name", "Address", "Addresses", "Port", "Until", "Host", "Issuer", "Issuers", "Error", "Inside", "Outside"}

// CertificateCause says why no certificate could be ordered for a name, CertificateCure what to do.
func (l *Localizer) CertificateCause(name string, p agent.CertificateProblem) string {
	return l.T("certificate_cause_"+string(p.Code), l.certificateArgs(name, p.Args))
}

// CertificateCure says what to do about the cause.
func (l *Localizer) CertificateCure(name string, p agent.CertificateProblem) string {
	return l.T("certificate_cure_"+string(p.Code), l.certificateArgs(name, p.Args))
}

// NameCheck says what the gateway found out about a name.
func (l *Localizer) NameCheck(name string, c agent.NameCheck) string {
	return l.T("certificate_check_"+string(c.Check), l.certificateArgs(name, c.Args))
}

// CertificateEvent names an event of the history.
func (l *Localizer) CertificateEvent(k agent.CertificateEventKind) string {
	return l.T("certificate_event_" + string(k))
}

// CertificateEnd warns of a certificate that ends and that nothing will renew.
func (l *Localizer) CertificateEnd(end agent.CertificateEnd) string {
	id := "certificate_ending"
	if end.Source == agent.SourceACME {
		id = "certificate_ending_acme"
	}
	return l.T(id, Args{"Name": end.Name, "Until": l.Time(end.NotAfter)})
}

func (l *Localizer) certificateArgs(name string, given map[string]string) Args {
	args := Args{}
	for _, arg := range certificateArgs {
		args[arg] = cmp.Or(given[arg], "—")
	}
	for arg, value := range given {
		args[arg] = value
	}
	if until, err := time.Parse(time.RFC3339, given["Until"]); err == nil {
		args["Until"] = l.Time(until)
	}
	args["Name"] = cmp.Or(name, given["Name"], "—")
	return args
}
