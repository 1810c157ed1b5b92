package handlers

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

func (s *Site) adminCertificate(c echo.Context) error {
	d, err := s.adminCertificateData(c)
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, templates.AdminCertificate(s.page(c), d))
}

// refuseCertificate shows the page with what was refused.
func (s *Site) refuseCertificate(c echo.Context, status int, alert string, change func(*templates.AdminCertificateData)) error {
	d, err := s.adminCertificateData(c)
	if err != nil {
		return err
	}
	change(&d)
	p := s.page(c)
	p.Alert = alert
	return s.render(c, status, templates.AdminCertificate(p, d))
}

// adminCertificateData returns the data of the page for the saved settings.
func (s *Site) adminCertificateData(c echo.Context) (templates.AdminCertificateData, error) {
	history, err := s.Certificates.History(c.Request().Context())
	if err != nil {
		return templates.AdminCertificateData{}, err
	}
	now := time.Now()
	acme, domain := s.Certificates.ACME(), s.Settings.Current().Domain
	d := templates.AdminCertificateData{
		Domain:     unicodeName(domain),
		Served:     slices.Clone(s.Certificates.Served()),
		Orders:     s.orders(domain),
		Form:       templates.NewACMEForm(acme),
		Saved:      templates.NewACMEForm(acme),
		EABStored:  acme.EABKeyID != "",
		Upload:     templates.CertificateUploadData{Uploaded: uploadedRows(s.Certificates.Uploaded())},
		History:    slices.Clone(history),
		Root:       s.Certificates.Root(),
		RootChange: s.Certificates.RootChange(),
		Now:        now,
	}
	for i := range d.Served {
		d.Served[i].Name = unicodeName(d.Served[i].Name)
	}
	for i := range d.Orders {
		d.Orders[i] = decodedOrder(d.Orders[i])
	}
	for i := range d.History {
		e := &d.History[i]
		e.Name = unicodeName(e.Name)
		if e.Event == agent.EventRootChanged && now.Sub(e.At) < handOutFor && e.At.After(d.Changed) {
			d.Changed = e.At
		}
	}
	return d, nil
}

// orders lists the orders. That of a domain that no public CA could check says so, also while ordering is off. Another CA than Let's
// Encrypt may be the company's, which knows the company's names.
func (s *Site) orders(domain string) []agent.CertificateOrder {
	list := slices.Clone(s.Certificates.Orders())
	cause, ok := agent.OrderableName(domain)
	if domain == "" || ok || !public(s.Certificates.ACME().Directory) {
		return list
	}
	i := slices.IndexFunc(list, func(o agent.CertificateOrder) bool { return o.Name == domain })
	if i < 0 {
		i = len(list)
		list = append(list, agent.CertificateOrder{Name: domain, State: agent.OrderOff})
	}
	if list[i].State == agent.OrderOff && list[i].Problem == nil {
		list[i].Problem = &agent.CertificateProblem{Code: cause}
	}
	return list
}

// public reports whether a directory is that of a public CA, or none.
func public(directory string) bool {
	return directory == "" || directory == agent.LetsEncrypt || directory == agent.LetsEncryptStaging
}

// certificateSummary says for the page of the domain what it is served with.
func (s *Site) certificateSummary(domain string) (summary templates.CertificateSummary) {
	for _, one := range s.Certificates.Served() {
		if one.Port == agent.PortPortal && one.Name == domain && one.Source != agent.SourceOwnRoot {
			return templates.CertificateSummary{State: templates.CertificateTrusted, Until: one.Leaf().NotAfter}
		}
	}
	if _, ok := agent.OrderableName(domain); ok && domain != "" && s.Certificates.ACME().Directory == "" {
		return templates.CertificateSummary{State: templates.CertificateOffered}
	}
	for _, order := range s.Certificates.Orders() {
		switch {
		case order.Name != domain:
		case order.State == agent.OrderRunning:
			summary.State = templates.CertificateOrdered
		case order.Problem != nil:
			summary.State = templates.CertificateFailed
		}
	}
	return summary
}

// handOutFor is how long after a change of the root the page lists what must be handed out anew.
const handOutFor = 90 * 24 * time.Hour

// decodedOrder decodes the name in an order and in its texts.
func decodedOrder(o agent.CertificateOrder) agent.CertificateOrder {
	o.Name = unicodeName(o.Name)
	if o.Problem == nil {
		return o
	}
	problem := *o.Problem
	problem.Args = named(problem.Args, o.Name)
	problem.Checks = slices.Clone(problem.Checks)
	for i, check := range problem.Checks {
		problem.Checks[i].Args = named(check.Args, o.Name)
	}
	o.Problem = &problem
	return o
}

// named returns the arguments of a text with another name.
func named(args map[string]string, name string) map[string]string {
	out := map[string]string{}
	maps.Copy(out, args)
	out["Name"] = name
	return out
}
