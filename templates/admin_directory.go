package templates

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// DirectoryPath returns the path of a directory's page; the zero ID is a new one.
func DirectoryPath(id agent.DirectoryID) string {
	if id == 0 {
		return "/admin/directories/new"
	}
	return "/admin/directories/" + strconv.FormatInt(int64(id), 10)
}

// NewDirectoryForm fills the form with settings.
func NewDirectoryForm(d agent.DirectorySettings) DirectoryForm {
	return DirectoryForm{Kind: string(d.Kind), Name: d.Name, User: d.User, DNS: joined(d.DNS, " "),
		Controllers: strings.Join(d.Controllers, "\n"), Transport: string(d.Transport), TLSName: d.TLSName,
		Bases: strings.Join(d.Bases, "\n"), CA: d.CA, LoginGroups: groupLines(d.LoginGroups), RemoteGroups: groupLines(d.RemoteGroups),
		LockoutLimit: positive(d.LockoutLimit), LockoutMinutes: positive(int(d.LockoutWindow / time.Minute)),
		CheckMinutes: positive(int(d.CheckInterval / time.Minute)), PasswordChange: passwordChoice(d.PasswordChange), Default: d.Default}
}

// passwordChoice is the value of the form field password_change.
func passwordChoice(c agent.PasswordChange) string { return or(string(c), PasswordChangeAuto) }

// PasswordChangeAuto is the value of the form field and of the REST field password_change for agent.PasswordChangeAuto.
const PasswordChangeAuto = "auto"

// positive is empty for zero.
func positive(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func groupLines(groups []agent.DirectoryGroup) string {
	lines := make([]string, len(groups))
	for i := range groups {
		lines[i] = GroupLine(groups, i)
	}
	return strings.Join(lines, "\n")
}

// GroupLine returns a group of a list as an administrator types it: its name, or its DN if another group of the list has the name.
func GroupLine(groups []agent.DirectoryGroup, i int) string {
	for j, other := range groups {
		if j != i && strings.EqualFold(other.Name, groups[i].Name) {
			return or(groups[i].DN, groups[i].Name)
		}
	}
	return or(groups[i].Name, groups[i].DN, groups[i].ID)
}

func (d AdminDirectoryData) heading(l *locale.Localizer) string {
	if d.ID == 0 {
		return l.T("directory_new_title")
	}
	return d.Name
}

// advanced reports whether the folded part of the form has an error or something that is not the default.
func (d AdminDirectoryData) advanced() bool {
	for _, name := range []string{"controllers", "transport", "tls_name", "ldap_paths", "lockout_limit", "lockout_minutes", "check_minutes", "password_change"} {
		if d.Errors[name] != "" {
			return true
		}
	}
	f, usual := d.Form, positive(int(agent.DefaultCheckInterval/time.Minute))
	return f.Controllers != "" || f.Transport != string(agent.TransportLDAPS) || f.TLSName != "" || f.Bases != "" || f.LockoutLimit != "" ||
		f.LockoutMinutes != "" || f.CheckMinutes != usual || f.PasswordChange != PasswordChangeAuto
}

// passwordHelp is the text under the password of the search account.
func (d AdminDirectoryData) passwordHelp(l *locale.Localizer) string {
	switch {
	case d.Form.Draft != "":
		return l.T("directory_password_draft")
	case d.PasswordStored:
		return l.T("directory_password_stored")
	}
	return l.T("directory_password_help")
}

// stepClass returns the CSS class and the icon of a step's state.
func stepClass(s agent.StepState) (class, symbol string) {
	switch s {
	case agent.StepOK:
		return "ok", "ok"
	case agent.StepWarning:
		return "warn", "warn"
	case agent.StepFailed:
		return "bad", "bad"
	}
	return "muted", "off"
}

// stepState returns the name of a step's state.
func stepState(l *locale.Localizer, s agent.StepState) string {
	return l.T("directory_state_" + string(s))
}

// warned reports whether a step is a warning.
func warned(r agent.DirectoryReport) bool {
	return slices.ContainsFunc(r.Steps, func(s agent.StepResult) bool { return s.State == agent.StepWarning })
}

// found reports whether a step has the finding.
func found(r agent.DirectoryReport, f agent.DirectoryFinding) bool {
	return slices.ContainsFunc(r.Steps, func(s agent.StepResult) bool { return s.Finding == f })
}

// untrusted reports whether the gateway does not accept one of the certificates yet.
func untrusted(list []agent.DirectoryCertificate) bool {
	return slices.ContainsFunc(list, func(c agent.DirectoryCertificate) bool { return !c.Trusted })
}

// aboutCertificate reports whether the manual's section on certificates has the cure.
func aboutCertificate(f agent.DirectoryFinding) bool {
	return slices.Contains([]agent.DirectoryFinding{agent.FindingConnRefused, agent.FindingUnknownCA, agent.FindingNoSAN, agent.FindingSHA1,
		agent.FindingExpiredCert}, f)
}

// lockoutRule says when the domain locks an account.
func lockoutRule(l *locale.Localizer, step agent.StepResult) string {
	limit, _ := strconv.Atoi(step.Args["Limit"])
	if limit == 0 {
		return l.T("lockout_none")
	}
	return l.N("lockout_rule", limit, locale.Args{"Minutes": step.Args["Minutes"]})
}

// withheldText says why a check is withheld.
func withheldText(l *locale.Localizer, name string, check agent.WithheldCheck) string {
	text := l.N("withheld_text", check.Sessions, locale.Args{"Of": check.Of, "Time": l.Time(check.At), "Name": name})
	if len(check.Missing) > 0 {
		text += " " + l.T("withheld_missing", locale.Args{"Missing": strings.Join(check.Missing, "; ")})
	}
	return text
}

// controllerNote is the tooltip of a controller.
func controllerNote(l *locale.Localizer, c agent.ControllerStatus) string {
	note := l.T("controller_since", locale.Args{"Time": l.Time(c.Since)})
	if c.Reachable {
		note += ", " + l.Milliseconds(c.Latency)
	}
	return note
}

// fingerprint writes a SHA-256 in pairs of digits, as openssl does.
func fingerprint(hex string) string {
	var pairs []string
	for ; len(hex) > 2; hex = hex[2:] {
		pairs = append(pairs, hex[:2])
	}
	return strings.ToUpper(strings.Join(append(pairs, hex), ":"))
}

// hasTrusted reports whether the form has the certificate.
func (d AdminDirectoryData) hasTrusted(cert agent.DirectoryCertificate) bool {
	for _, one := range d.Trusted {
		if one.SHA256 == cert.SHA256 {
			return true
		}
	}
	return false
}

// convertible returns the local logins of the report that can be converted. Administrators stay local.
func (d AdminDirectoryData) convertible() (list []agent.LocalLogin) {
	for _, one := range d.Report.Local {
		if !one.User.Administrator() {
			list = append(list, one)
		}
	}
	return list
}

// ldapsScript are the PowerShell lines that give a domain controller without AD CS a certificate of its own: with the
// controller's full name, for server authentication, and with a key in the provider that AD DS takes. AD DS uses only a
// certificate that the controller itself trusts. The last lines make it look for certificates again (MS-ADTS 3.1.1.3.3.22).
const ldapsScript = `$name = [System.Net.Dns]::GetHostEntry("localhost").HostName
$cert = New-SelfSignedCertificate -DnsName $name -CertStoreLocation Cert:\LocalMachine\My -Provider "Microsoft RSA SChannel Cryptographic Provider" -KeySpec KeyExchange -KeyLength 2048 -HashAlgorithm SHA256 -TextExtension "2.5.29.37={text}1.3.6.1.5.5.7.3.1" -NotAfter (Get-Date).AddYears(5)
Export-Certificate -Cert $cert -FilePath "$env:USERPROFILE\$name.cer"
Import-Certificate -FilePath "$env:USERPROFILE\$name.cer" -CertStoreLocation Cert:\LocalMachine\Root
$root = [ADSI]"LDAP://localhost/RootDSE"
$root.Put("renewServerCertificate", 1)
$root.SetInfo()`
