package handlers

import (
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// readDirectory parses the form. It returns the typed values for the page, and the settings that they stand for. saved is the
// directory before the change.
func (s *Site) readDirectory(c echo.Context, saved agent.DirectorySettings) (templates.DirectoryForm, agent.DirectorySettings, agent.Problems) {
	values, err := c.FormParams()
	if err != nil {
		values = url.Values{}
	}
	text := func(name string) string { return strings.TrimSpace(values.Get(name)) }
	d := saved
	var problems agent.Problems
	note := func(p agent.Problem) { problems = append(problems, problemsOf(p)...) }
	var problem agent.Problem

	d.Kind = agent.DirectoryKind(text("kind"))
	if saved.ID == 0 {
		d.Name, problem = agent.ParseDirectoryName(values.Get("name"))
		note(problem)
	}
	d.User, d.Password = text("user"), values.Get("password")
	d.DNS, problem = parseAddresses("dns_ips", words(text("dns_ips")))
	note(problem)
	d.Controllers, problem = agent.ParseControllers("controllers", words(text("controllers")))
	note(problem)
	d.Transport = agent.DirectoryTransport(text("transport"))
	d.TLSName = strings.ToLower(text("tls_name"))
	d.Bases = lines(values.Get("ldap_paths"))
	d.LockoutLimit, problem = wholeNumber("lockout_limit", values.Get("lockout_limit"), "field_lockout_limit")
	note(problem)
	var minutes int
	minutes, problem = wholeNumber("lockout_minutes", values.Get("lockout_minutes"), "field_lockout_minutes")
	note(problem)
	d.LockoutWindow = time.Duration(minutes) * time.Minute
	minutes, problem = wholeNumber("check_minutes", values.Get("check_minutes"), "field_check_minutes")
	note(problem)
	d.CheckInterval = time.Duration(minutes) * time.Minute
	d.PasswordChange, problem = parsePasswordChange(text("password_change"))
	note(problem)
	d.Default = values.Get("default") == "1"
	d.CA, problem = agent.ParseCertificates("ca_pem", typedCertificates(c, values))
	note(problem)
	d.LoginGroups = typedGroups(append(lines(values.Get("login_groups")), values["add_login"]...), saved.LoginGroups)
	d.RemoteGroups = typedGroups(append(lines(values.Get("remote_groups")), values["add_remote"]...), saved.RemoteGroups)

	form := templates.NewDirectoryForm(d)
	for name, typed := range map[string]*string{"dns_ips": &form.DNS, "controllers": &form.Controllers, "lockout_limit": &form.LockoutLimit,
		"lockout_minutes": &form.LockoutMinutes, "check_minutes": &form.CheckMinutes} {
		*typed = values.Get(name)
	}
	if saved.ID == 0 && d.Name == "" {
		form.Name = values.Get("name")
	}
	if d.CA == "" {
		form.CA = values.Get("ca_pem")
	}
	form.Login, form.GroupText = text("test_login"), text("group_text")
	form.Draft = s.keepPassword(c, values.Get("draft"), &d)
	if d.Password == "" && values.Get("draft") != "" {
		note(agent.Problem{Field: "password", Code: locale.FieldDirectoryDraft})
	}
	return form, d, append(problems, withoutNoted(problems, d.Check())...)
}

// withoutNoted returns the problems of the fields for which none is noted.
func withoutNoted(noted, more agent.Problems) agent.Problems {
	return slices.DeleteFunc(more, func(p agent.Problem) bool {
		return slices.ContainsFunc(noted, func(n agent.Problem) bool { return n.Field == p.Field })
	})
}

// lines returns the lines of a text that are not empty.
func lines(text string) (list []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

// parsePasswordChange reads the field password_change. An empty one is the default.
func parsePasswordChange(text string) (agent.PasswordChange, agent.Problem) {
	switch c := agent.PasswordChange(text); c {
	case "", templates.PasswordChangeAuto:
		return agent.PasswordChangeAuto, agent.Problem{}
	case agent.PasswordChangeLDAP, agent.PasswordChangeOff:
		return c, agent.Problem{}
	}
	return "", agent.Problem{Field: "password_change", Code: "field_password_change"}
}

// wholeNumber parses a number that is not negative. An empty text is 0.
func wholeNumber(field, text, code string) (int, agent.Problem) {
	if text = strings.TrimSpace(text); text == "" {
		return 0, agent.Problem{}
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, agent.Problem{Field: field, Code: code}
	}
	return int(min(n, 1_000_000)), agent.Problem{} // a duration of minutes must not overflow
}

// typedCertificates returns the certificates of the form: the text, an uploaded file, and one that a button in the report adds.
func typedCertificates(c echo.Context, values url.Values) []byte {
	text := values.Get("ca_pem")
	if i, err := strconv.Atoi(values.Get("trust")); err == nil && i >= 0 && i < len(values["certificate"]) {
		text += "\n" + values["certificate"][i]
	}
	return withCertificateFile(c, "ca_file", text)
}

// withCertificateFile adds the certificates of an uploaded file, PEM or DER, to a text.
func withCertificateFile(c echo.Context, field, text string) []byte {
	file, err := c.FormFile(field)
	if err != nil || file.Size == 0 {
		return []byte(text)
	}
	opened, err := file.Open()
	if err != nil {
		return []byte(text)
	}
	defer opened.Close()
	data, err := io.ReadAll(opened)
	if err != nil {
		return []byte(text)
	}
	if one, problem := agent.ParseCertificates("", data); problem.Code == "" {
		data = []byte(one)
	}
	if strings.TrimSpace(text) == "" {
		return data
	}
	return append([]byte(text+"\n"), data...)
}

// typedGroups returns the groups of lines. A known group keeps its ID. Of too many, it returns one more than
// DirectorySettings.Check permits.
func typedGroups(typed []string, known []agent.DirectoryGroup) (groups []agent.DirectoryGroup) {
	for _, line := range typed {
		if len(groups) > agent.MaxDirectoryGroups {
			break
		}
		group := agent.DirectoryGroup{Name: line}
		for i, one := range known {
			if line == templates.GroupLine(known, i) || line == one.ID || line == one.DN {
				group = one
			}
		}
		if !slices.Contains(groups, group) {
			groups = append(groups, group)
		}
	}
	return groups
}
