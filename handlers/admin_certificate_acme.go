package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// acmeDraft is a submitted form that waits for the acceptance of the terms.
type acmeDraft struct {
	change agent.ACMEChange
	terms  string // the URL that was shown
}

// maxACMEDrafts limits the kept forms.
const maxACMEDrafts = 20

// adminCertificateACME saves the settings for ordering certificates. It first asks to accept the terms of a CA whose terms are not
// accepted yet.
func (s *Site) adminCertificateACME(c echo.Context) error {
	form, change, problems := s.readACME(c)
	if len(problems) > 0 {
		return s.refuseACME(c, form, problems)
	}
	if s.termsMissing(change) {
		terms, err := s.Certificates.Terms(c.Request().Context(), change.Directory, change.RootPEM)
		if err != nil {
			return s.refuseACME(c, form, err)
		}
		if terms != agent.TermsNone {
			return s.askForTerms(c, acmeDraft{change, terms})
		}
		change.AcceptTerms = true
	}
	if err := s.setACME(c, change); err != nil {
		return s.refuseACME(c, form, err)
	}
	return done(c, locale.ToastSaved, "/admin/certificate")
}

// adminCertificateTerms saves the kept form after the administrator has accepted the terms.
func (s *Site) adminCertificateTerms(c echo.Context) error {
	draft, ok := s.acmeDrafts.take(c, c.FormValue("form"))
	if !ok {
		return s.refuseCertificate(c, http.StatusBadRequest, who(c).L.T(locale.AlertTermsOver), nil)
	}
	form := templates.NewACMEForm(agent.ACMESettings{Directory: draft.change.Directory, RootPEM: draft.change.RootPEM, Email: draft.change.Email, EABKeyID: draft.change.EABKeyID})
	terms, err := s.Certificates.Terms(c.Request().Context(), draft.change.Directory, draft.change.RootPEM)
	if err != nil {
		return s.refuseACME(c, form, err)
	}
	if terms != draft.terms && terms != agent.TermsNone { // they have changed meanwhile
		return s.askForTerms(c, acmeDraft{draft.change, terms})
	}
	draft.change.AcceptTerms = true
	if err := s.setACME(c, draft.change); err != nil {
		return s.refuseACME(c, form, err)
	}
	return done(c, locale.ToastOrdering, "/admin/certificate")
}

// termsMissing reports whether terms must be accepted before the CA of a change issues certificates.
func (s *Site) termsMissing(change agent.ACMEChange) bool {
	if change.Directory == "" {
		return false
	}
	now := s.Certificates.ACME()
	if change.Directory != now.Directory || now.Terms == "" {
		return true
	}
	for _, order := range s.Certificates.Orders() {
		if order.Problem != nil && order.Problem.Code == agent.CauseTerms { // the CA has changed them
			return true
		}
	}
	return false
}

func (s *Site) askForTerms(c echo.Context, draft acmeDraft) error {
	token := s.acmeDrafts.add(c, maxACMEDrafts, draft)
	if token == "" {
		return s.refuseCertificate(c, http.StatusServiceUnavailable, who(c).L.T(locale.AlertTermsBusy), nil)
	}
	return s.render(c, http.StatusOK, templates.CertificateTerms(s.page(c),
		templates.CertificateTermsData{Token: token, CA: caName(who(c).L, draft.change.Directory), Terms: draft.terms}))
}

// caName returns the name of a directory's CA; for CAs other than Let's Encrypt it is the host.
func caName(l *locale.Localizer, directory string) string {
	switch directory {
	case agent.LetsEncrypt:
		return "Let's Encrypt"
	case agent.LetsEncryptStaging:
		return l.T(locale.CertificateCAStaging)
	}
	if u, err := url.Parse(directory); err == nil && u.Host != "" {
		return u.Host
	}
	return directory
}

func (s *Site) setACME(c echo.Context, change agent.ACMEChange) error {
	before := s.Certificates.ACME()
	if err := s.Certificates.SetACME(c.Request().Context(), change); err != nil {
		return err
	}
	s.act(c, agent.Act{Code: agent.ActACMESaved, Changes: acmeChanges(before, s.Certificates.ACME(), change)}, "ca", change.Directory)
	return nil
}

// refuseACME shows the page with the typed values and why they were refused.
func (s *Site) refuseACME(c echo.Context, form templates.ACMEForm, err error) error {
	var problem *agent.CertificateProblem
	problems := problemsIn(err)
	if !errors.As(err, &problem) && problems == nil {
		return err
	}
	alert, l := locale.AlertCheckFields, who(c).L
	if problem != nil {
		alert = locale.AlertCA
	}
	return s.refuseCertificate(c, http.StatusBadRequest, l.T(alert), func(d *templates.AdminCertificateData) {
		form.Terms = d.Form.Terms
		d.Form, d.Errors, d.CAProblem = form, fieldTexts(l, problems), problem
	})
}

// readACME parses the form. It returns the typed values, for the page, and the change that they describe.
func (s *Site) readACME(c echo.Context) (form templates.ACMEForm, change agent.ACMEChange, problems agent.Problems) {
	form = templates.ACMEForm{CA: c.FormValue("ca"), Directory: c.FormValue("directory"), RootPEM: c.FormValue("directory_root_pem"),
		Email: c.FormValue("email"), EABKeyID: c.FormValue("eab_key_id")}
	change = agent.ACMEChange{Email: form.Email}
	switch form.CA {
	case templates.CAOff:
	case templates.CALetsEncrypt:
		change.Directory = agent.LetsEncrypt
	case templates.CAStaging:
		change.Directory = agent.LetsEncryptStaging
	default:
		form.CA = templates.CAOther
		change.Directory, change.RootPEM = form.Directory, string(withCertificateFile(c, "directory_root_file", form.RootPEM))
		change.EABKeyID, change.EABKey = form.EABKeyID, c.FormValue("eab_hmac_key")
		if strings.TrimSpace(form.Directory) == "" {
			problems = append(problems, agent.Problem{Field: "directory", Code: "field_required"})
		}
	}
	change, more := change.Normalize()
	return form, change, append(problems, more...)
}
