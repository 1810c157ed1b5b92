package templates

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// AdminCertificateData fills [AdminCertificate]. Names of the gateway are in Unicode. The keys of Errors are the fields' names in REST.
type AdminCertificateData struct {
	Domain     string // empty until saved
	Served     []agent.ServedCertificate
	Orders     []agent.CertificateOrder
	Form       ACMEForm // as typed
	Saved      ACMEForm // the settings
	EABStored  bool     // the settings have an HMAC key
	Errors     map[string]string
	CAProblem  *agent.CertificateProblem // why the directory in the form could not be asked for its terms
	Upload     CertificateUploadData
	History    []agent.CertificateEvent // the newest first
	Root       agent.RootCertificate
	RootChange *agent.RootChange
	Changed    time.Time // when the root last changed; zero = never, or long ago
	Now        time.Time
}

// ACMEForm is the form of agent.ACMESettings.
type ACMEForm struct {
	CA        string // CAOff, CALetsEncrypt, CAStaging or CAOther
	Directory string // with CAOther
	RootPEM   string
	Email     string
	EABKeyID  string
	Terms     string // accepted terms, as in agent.ACMESettings
}

// Values of ACMEForm.CA.
const (
	CAOff         = "off"
	CALetsEncrypt = "letsencrypt"
	CAStaging     = "staging"
	CAOther       = "other"
)

// NewACMEForm fills the form with settings.
func NewACMEForm(s agent.ACMESettings) ACMEForm {
	form := ACMEForm{CA: CAOther, Directory: s.Directory, RootPEM: s.RootPEM, Email: s.Email, EABKeyID: s.EABKeyID, Terms: s.Terms}
	switch s.Directory {
	case "":
		form.CA = CAOff
	case agent.LetsEncrypt:
		form.CA, form.Directory = CALetsEncrypt, ""
	case agent.LetsEncryptStaging:
		form.CA, form.Directory = CAStaging, ""
	}
	return form
}

// CertificateTermsData fills [CertificateTerms], which asks to accept a CA's terms of service.
type CertificateTermsData struct {
	Token string // of the kept form
	CA    string // its name or host
	Terms string // URL
}

// verdict is the answer at the top of the page: which certificate is served for the domain.
type verdict struct {
	Class string // of the banner: ok, warn or info
	Text  string
	More  []string // further sentences
}

func (d AdminCertificateData) verdict(l *locale.Localizer) verdict {
	if d.Domain == "" {
		return verdict{"info", l.T("certificate_no_domain"), []string{l.T("certificate_no_domain_more")}}
	}
	cert, order := d.certificate(), d.order()
	args := locale.Args{"Name": d.Domain, "Until": l.Date(cert.Leaf().NotAfter), "CA": authority(l, cert), "Renewal": l.Date(cert.Renewal)}
	switch cert.Source {
	case agent.SourceACME:
		v := verdict{"ok", l.T("certificate_answer_trusted", args), []string{l.T("certificate_issued_by", args)}}
		if staging(cert) {
			v = verdict{"warn", l.T("certificate_answer_staging", args), []string{l.T("certificate_staging_more")}}
		}
		if order.State == agent.OrderFailed {
			return verdict{"warn", v.Text, append(v.More, l.T("certificate_renewal_fails"))}
		}
		if !cert.Renewal.IsZero() {
			v.More = append(v.More, l.T("certificate_renews", args))
		}
		return v
	case agent.SourceUploaded:
		v := verdict{"ok", l.T("certificate_answer_uploaded", args), []string{l.T("certificate_issued_by", args)}}
		next := order.State
		if next == agent.OrderUploaded {
			next = order.Then
		}
		switch next {
		case agent.OrderRunning, agent.OrderDone:
			v.More = append(v.More, l.T("certificate_uploaded_then_acme"))
			return v
		case agent.OrderFailed:
			v.More = append(v.More, l.T("certificate_uploaded_then_fails"))
		default:
			v.More = append(v.More, l.T("certificate_uploaded_then_own"))
		}
		if cert.Leaf().NotAfter.Sub(d.Now) < agent.EndNotice {
			v.Class = "warn"
		}
		return v
	}
	return verdict{"warn", l.T("certificate_answer_own", args), []string{l.T("certificate_own_more")}}
}

// certificate returns what browsers get for the domain.
func (d AdminCertificateData) certificate() agent.Certificate {
	for _, one := range d.Served {
		if one.Name == d.Domain && one.Port == agent.PortPortal {
			return one.Certificate
		}
	}
	return agent.Certificate{Source: agent.SourceOwnRoot}
}

// order returns the order for the domain.
func (d AdminCertificateData) order() agent.CertificateOrder { return d.orderFor(d.Domain) }

func (d AdminCertificateData) orderFor(name string) agent.CertificateOrder {
	for _, one := range d.Orders {
		if one.Name == name {
			return one
		}
	}
	return agent.CertificateOrder{Name: name, State: agent.OrderOff}
}

// servedRow is a row of the list: a certificate that one or both ports serve for a name.
type servedRow struct {
	agent.ServedCertificate
	Ports []agent.ServedPort
	Order *agent.CertificateOrder // an order with a problem; nil for the domain, whose problem is at the top of the page
}

// rows groups ports that serve the same certificate for a name.
func (d AdminCertificateData) rows() (rows []servedRow) {
	for _, one := range d.Served {
		i := slices.IndexFunc(rows, func(r servedRow) bool { return r.Name == one.Name && r.Leaf().SHA256 == one.Leaf().SHA256 })
		if i < 0 {
			i = len(rows)
			rows = append(rows, servedRow{ServedCertificate: one})
			if order := d.orderFor(one.Name); order.Problem != nil && one.Name != d.Domain {
				rows[i].Order = &order
			}
		}
		rows[i].Ports = append(rows[i].Ports, one.Port)
		if one.Pinned != nil {
			rows[i].Pinned = one.Pinned
		}
	}
	return rows
}

// ports names the ports.
func (r servedRow) ports(l *locale.Localizer) string {
	switch {
	case len(r.Ports) > 1:
		return l.T("certificate_ports_both")
	case r.Ports[0] == agent.PortAgent:
		return l.T("certificate_port_agent")
	}
	return l.T("certificate_port_portal")
}

// authority returns the name of the CA that issued a certificate.
func authority(l *locale.Localizer, c agent.Certificate) string {
	if len(c.Chain) == 0 {
		return "—"
	}
	switch root := c.Chain[len(c.Chain)-1].Issuer; {
	case c.Source == agent.SourceOwnRoot:
		return l.T("certificate_source_own_root")
	case strings.HasPrefix(root, "ISRG Root "):
		return "Let's Encrypt"
	case staging(c):
		return l.T("certificate_ca_staging")
	}
	return c.Leaf().Issuer
}

// staging reports whether a certificate is from the staging CA of Let's Encrypt, which nobody trusts.
func staging(c agent.Certificate) bool {
	return len(c.Chain) > 0 && strings.HasPrefix(c.Chain[len(c.Chain)-1].Issuer, "(STAGING) ")
}

// renewal says when and by whom a certificate is renewed.
func renewal(l *locale.Localizer, c agent.Certificate) string {
	if c.Renewal.IsZero() {
		return l.T("certificate_renewal_manual")
	}
	return l.T("certificate_renewal_planned", locale.Args{"Time": l.Date(c.Renewal)})
}

// otherCA reports whether the part of the form for another CA, otherwise folded, is in use or has an error.
func (d AdminCertificateData) otherCA() bool {
	for _, name := range []string{"directory", "directory_root_pem", "eab", "eab_key_id", "eab_hmac_key"} {
		if d.Errors[name] != "" {
			return true
		}
	}
	return d.Form.CA == CAOther || d.Form.EABKeyID != "" || d.Form.RootPEM != ""
}

// webLink returns a link that a CA named if it leads to a web page; empty otherwise.
func webLink(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return ""
	}
	return u.String()
}

// eventCause says why an order failed.
func eventCause(l *locale.Localizer, e agent.CertificateEvent) string {
	args := map[string]string{}
	maps.Copy(args, e.Args)
	args["Name"] = e.Name
	return l.CertificateCause(agent.CertificateProblem{Code: e.Cause, Args: args})
}
