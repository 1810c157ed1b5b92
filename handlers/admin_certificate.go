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

// refuseCertificate shows the page with an alert. change, unless nil, puts what was refused into the page.
func (s *Site) refuseCertificate(c echo.Context, status int, alert string, change func(*templates.AdminCertificateData)) error {
	d, err := s.adminCertificateData(c)
	if err != nil {
		return err
	}
	if change != nil {
		change(&d)
	}
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

// orders returns the orders. If no public CA can check the domain, its order says so even while ordering is off. A CA other than Let's
// Encrypt may be the organisation's own, which can check private names.
func (s *Site) orders(domain string) []agent.CertificateOrder {
	list := slices.Clone(s.Certificates.Orders())
	cause, ok := agent.OrderableName(domain)
	if domain == "" || ok || !publicCA(s.Certificates.ACME().Directory) {
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

// publicCA reports whether an ACME directory is one of Let's Encrypt, or none is set.
func publicCA(directory string) bool {
	return directory == "" || agent.IsLetsEncrypt(directory)
}

// certificateSummary returns what the page with the domain says about its certificate.
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

// decodedOrder returns an order with its name in Unicode, also in the arguments of its texts.
func decodedOrder(o agent.CertificateOrder) agent.CertificateOrder {
	o.Name = unicodeName(o.Name)
	if o.Problem == nil {
		return o
	}
	problem := *o.Problem
	problem.Args = withName(problem.Args, o.Name)
	problem.Checks = slices.Clone(problem.Checks)
	for i, check := range problem.Checks {
		problem.Checks[i].Args = withName(check.Args, o.Name)
	}
	o.Problem = &problem
	return o
}

// withName returns a copy of a text's arguments with the name replaced.
func withName(args map[string]string, name string) map[string]string {
	out := map[string]string{}
	maps.Copy(out, args)
	out["Name"] = name
	return out
}
