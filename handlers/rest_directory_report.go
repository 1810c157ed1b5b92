package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// restDirectoryTest tests a saved directory.
func (s *Site) restDirectoryTest(c echo.Context, d agent.DirectorySettings) error {
	var body struct {
		Login string `json:"login"`
	}
	if err := decode(c, &body); err != nil {
		return err
	}
	s.act(c, actOn(agent.ActDirectoryTested, d.ID, d.Name), "directory", d.Name)
	report, err := s.Directories.Test(c.Request().Context(), d, body.Login)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, jsonOfReport(who(c).L, report))
}

type reportJSON struct {
	OK           bool              `json:"ok"`
	Steps        []stepJSON        `json:"steps"`
	Certificates []certificateJSON `json:"certificates"`
	Person       *personJSON       `json:"person"` // null without a login, or if it is unknown
	LocalLogins  []localLoginJSON  `json:"local_logins"`
}

type stepJSON struct {
	Step    agent.DirectoryStep    `json:"step"`
	State   agent.StepState        `json:"state"`
	MS      int64                  `json:"ms"`
	Details []string               `json:"details"`
	Finding agent.DirectoryFinding `json:"finding,omitempty"`
	Cause   string                 `json:"cause,omitempty"`
	Cure    string                 `json:"cure,omitempty"`
}

type certificateJSON struct {
	Subject   string   `json:"subject"`
	Issuer    string   `json:"issuer"`
	Names     []string `json:"names"`
	NotBefore string   `json:"not_before"` // RFC 3339
	NotAfter  string   `json:"not_after"`
	SHA256    string   `json:"sha256"`
	CA        bool     `json:"ca"`
	Trusted   bool     `json:"trusted"`
	PEM       string   `json:"pem"`
}

type personJSON struct {
	Login        string     `json:"login"`
	Name         string     `json:"name"`
	DN           string     `json:"dn"`
	GUID         string     `json:"ldap_guid"`
	Groups       []string   `json:"groups"`
	RemoteAccess bool       `json:"remote_access"`
	Refused      agent.Code `json:"refused"` // empty: the person may log in
}

type localLoginJSON struct {
	ID    agent.UserID `json:"id"`
	Login string       `json:"login"`
	Name  string       `json:"name"` // in the directory
}

func jsonOfReport(l *locale.Localizer, r agent.DirectoryReport) reportJSON {
	out := reportJSON{OK: r.OK(), Steps: []stepJSON{}, Certificates: []certificateJSON{}, LocalLogins: []localLoginJSON{}}
	for _, step := range r.Steps {
		out.Steps = append(out.Steps, stepJSON{Step: step.Step, State: step.State, MS: step.Took.Milliseconds(), Details: notNull(step.Details),
			Finding: step.Finding, Cause: l.Cause(step), Cure: l.Cure(step)})
	}
	for _, one := range r.Certificates {
		out.Certificates = append(out.Certificates, certificateJSON{Subject: one.Subject, Issuer: one.Issuer, Names: notNull(one.Names),
			NotBefore: rfc3339(one.NotBefore), NotAfter: rfc3339(one.NotAfter), SHA256: one.SHA256, CA: one.CA,
			Trusted: one.Trusted, PEM: one.PEM})
	}
	if p := r.Person; p != nil {
		out.Person = &personJSON{Login: p.Login, Name: p.Name, DN: p.DN, GUID: p.GUID, Groups: notNull(p.Groups), RemoteAccess: p.Remote, Refused: p.Refused}
	}
	for _, one := range r.Local {
		out.LocalLogins = append(out.LocalLogins, localLoginJSON{one.User.ID, one.User.Login, one.Person.Name})
	}
	return out
}

// notNull makes an empty list [] in JSON.
func notNull(list []string) []string { return append([]string{}, list...) }
