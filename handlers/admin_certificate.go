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
	acme := s.Certificates.ACME()
	d := templates.AdminCertificateData{
		Domain:     unicodeName(s.Settings.Current().Domain),
		Served:     slices.Clone(s.Certificates.Served()),
		Orders:     slices.Clone(s.Certificates.Orders()),
		Form:       templates.NewACMEForm(acme),
		EABStored:  acme.EABKeyID != "",
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

// handOutFor is how long after a change of the root the page lists what must be handed out anew.
const handOutFor = 90 * 24 * time.Hour

// decodedOrder decodes the name in an order.
func decodedOrder(o agent.CertificateOrder) agent.CertificateOrder {
	o.Name = unicodeName(o.Name)
	if o.Problem != nil && o.Problem.Args["Name"] != "" {
		problem := *o.Problem
		problem.Args = maps.Clone(problem.Args)
		problem.Args["Name"] = o.Name
		o.Problem = &problem
	}
	return o
}
