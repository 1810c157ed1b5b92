package handlers

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

func (s *Site) restDirectories(c echo.Context) error {
	all, err := s.Directories.List(c.Request().Context())
	if err != nil {
		return err
	}
	out := make([]map[string]any, len(all))
	for i := range all {
		out[i] = s.jsonOfDirectory(&all[i])
	}
	return c.JSON(http.StatusOK, out)
}

func (s *Site) restDirectoryCreate(c echo.Context) error {
	d := newDirectory()
	if err := readDirectoryJSON(c, &d); err != nil {
		return err
	}
	id, err := s.saveDirectory(c, d)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]agent.DirectoryID{"id": id})
}

func (s *Site) restDirectoryChange(c echo.Context, d agent.DirectorySettings) error {
	if err := readDirectoryJSON(c, &d); err != nil {
		return err
	}
	if _, err := s.saveDirectory(c, d); err != nil {
		return err
	}
	if d.Keytab != nil && len(d.Keytab) == 0 {
		if err := s.setKeytab(c, d, nil); err != nil {
			return err
		}
	}
	d, err := s.Directories.Get(c.Request().Context(), d.ID)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, s.jsonOfDirectory(&d))
}

// readDirectoryJSON applies a request's body. Fields that it lacks stay. Errors: agent.Problems if a value is invalid, badJSON.
func readDirectoryJSON(c echo.Context, d *agent.DirectorySettings) error {
	_, body, err := readObject(c)
	if err != nil {
		return err
	}
	for _, name := range []string{"id", "reachable", "keytab_keys"} { // only in answers
		delete(body, name)
	}
	fields := directoryFields(d)
	fields["password"] = &d.Password
	fields["keytab"] = &d.Keytab
	if err := decodeFields(fields, body); err != nil {
		return err
	}
	if problems := d.Check(); len(problems) > 0 {
		return problems
	}
	return nil
}

// jsonOfDirectory returns the settings without the password and the keytab, and the state.
func (s *Site) jsonOfDirectory(d *agent.DirectorySettings) map[string]any {
	out := directoryFields(d)
	out["id"] = idText(d.ID)
	out["keytab_keys"] = append([]agent.KeytabKey{}, d.KeytabKeys...)
	out["reachable"] = s.Directories.Status(d.ID).Reachable
	return out
}

// directoryFields maps the names in REST to the settings but the password and the keytab. Decoding into a field changes the setting.
func directoryFields(d *agent.DirectorySettings) map[string]any {
	return map[string]any{
		"name":            &directoryName{d},
		"kind":            &d.Kind,
		"user":            &d.User,
		"dns_ips":         listOf(&d.DNS, parseAddresses),
		"controllers":     listOf(&d.Controllers, agent.ParseControllers),
		"transport":       &d.Transport,
		"tls_name":        &d.TLSName,
		"ca_pem":          (*certificatesField)(&d.CA),
		"ldap_paths":      listOf(&d.Bases, asTheyAre),
		"login_groups":    (*groupsField)(&d.LoginGroups),
		"remote_groups":   (*groupsField)(&d.RemoteGroups),
		"lockout_limit":   &d.LockoutLimit,
		"lockout_minutes": (*minutesField)(&d.LockoutWindow),
		"check_minutes":   (*minutesField)(&d.CheckInterval),
		"default":         &d.Default,
		"computer_name":   &d.ComputerName,
		"password_change": (*passwordChangeField)(&d.PasswordChange),
	}
}

// directoryName is the name of a directory. A saved one does not change.
type directoryName struct{ *agent.DirectorySettings }

func (n *directoryName) MarshalJSON() ([]byte, error) { return json.Marshal(n.Name) }

func (n *directoryName) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	name, problem := agent.ParseDirectoryName(text)
	if problem.Code == "" && n.ID != 0 && name != n.Name {
		problem = agent.Problem{Code: "field_directory_name", Value: n.Name}
	}
	n.Name = name
	return asError(problem)
}

type certificatesField string

func (f *certificatesField) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	certificates, problem := agent.ParseCertificates("", []byte(text))
	*f = certificatesField(certificates)
	return asError(problem)
}

// groupsField is a list of groups: names, or DNs where two have the same name.
type groupsField []agent.DirectoryGroup

func (f *groupsField) MarshalJSON() ([]byte, error) {
	list := make([]string, len(*f))
	for i := range *f {
		list[i] = templates.GroupLine(*f, i)
	}
	return json.Marshal(list)
}

func (f *groupsField) UnmarshalJSON(b []byte) error {
	var typed []string
	if err := json.Unmarshal(b, &typed); err != nil {
		return err
	}
	*f = typedGroups(lines(strings.Join(typed, "\n")), *f)
	return nil
}

// passwordChangeField is "auto", "ldap" or "off".
type passwordChangeField agent.PasswordChange

func (f *passwordChangeField) MarshalJSON() ([]byte, error) {
	return json.Marshal(cmp.Or(string(*f), templates.PasswordChangeAuto))
}

func (f *passwordChangeField) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	c, problem := parsePasswordChange(text)
	*f = passwordChangeField(c)
	return asError(problem)
}

type minutesField time.Duration

func (m *minutesField) MarshalJSON() ([]byte, error) {
	return json.Marshal(int64(time.Duration(*m) / time.Minute))
}

func (m *minutesField) UnmarshalJSON(b []byte) error {
	var n int32 // a duration of minutes must not overflow
	err := json.Unmarshal(b, &n)
	*m = minutesField(time.Duration(n) * time.Minute)
	return err
}
