package agent

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"
)

// More limits of a directory's settings. Those of the lockout are the limits of Active Directory.
const (
	MaxLockoutLimit   = 999
	MaxLockoutWindow  = 99999 * time.Minute
	MaxCheckInterval  = 24 * time.Hour
	MaxSearchAccount  = MaxDN
	MaxComputerName   = 64
	MaxSearchPassword = 1024 // bytes
)

// ParseDirectoryName reads the DNS name of a directory's domain. Underscores are allowed, as in ParseSuffixes.
func ParseDirectoryName(text string) (string, Problem) {
	if strings.TrimSpace(text) == "" {
		return "", Problem{"name", "field_required", ""}
	}
	names, problem := ParseSuffixes("name", []string{text})
	if problem.Code != "" {
		return "", problem
	}
	if names[0] == LocalDirectory {
		return "", Problem{"name", "field_directory_local", names[0]}
	}
	return names[0], Problem{}
}

// ParseControllers reads controllers as HOST or HOST:PORT. An IPv6 address with a port needs brackets. The result has canonical
// hosts and no duplicates.
func ParseControllers(field string, list []string) ([]string, Problem) {
	seen := map[string]bool{}
	controllers := []string{}
	for _, text := range list {
		controller, ok := canonicalController(strings.TrimSpace(text))
		if !ok {
			return nil, Problem{field, "field_controller", Clean(text, 80)}
		}
		if !seen[controller] {
			seen[controller] = true
			controllers = append(controllers, controller)
		}
	}
	return controllers, Problem{}
}

func canonicalController(text string) (string, bool) {
	if _, err := netip.ParseAddr(text); err != nil {
		if name, port, err := net.SplitHostPort(text); err == nil {
			host, ok := canonicalHost(name)
			return net.JoinHostPort(host, port), ok && isPort(port)
		}
	}
	return canonicalHost(text)
}

// ParseCertificates reads certificates as PEM text, or one as DER. The result is PEM without comments and duplicates.
func ParseCertificates(field string, data []byte) (string, Problem) {
	if cert, err := x509.ParseCertificate(data); err == nil {
		return encodeCertificate(cert), Problem{}
	}
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
	if len(data) == 0 {
		return "", Problem{}
	}
	var all string
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return "", Problem{field, "field_ca_key", ""}
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return "", Problem{field, "field_ca", ""}
		}
		if text := encodeCertificate(cert); !strings.Contains(all, text) {
			all += text
		}
	}
	if all == "" {
		return "", Problem{field, "field_ca", ""}
	}
	return all, Problem{}
}

func encodeCertificate(cert *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
}

// Check returns what is wrong with the settings. It does not look at the password, which may be stored.
func (s DirectorySettings) Check() Problems {
	var c settingsCheck
	c.refuse(!Contains(DirectoryKinds, s.Kind), "kind", "field_choice", "")
	name, problem := ParseDirectoryName(s.Name)
	if problem.Code != "" {
		c.refuse(true, problem.Field, problem.Code, problem.Value)
	} else {
		c.refuse(name != s.Name, "name", "field_domain_name", Clean(s.Name, 80))
	}
	c.refuse(strings.TrimSpace(s.User) == "", "user", "field_required", "")
	c.refuse(utf8.RuneCountInString(s.User) > MaxSearchAccount, "user", "field_too_long", "")
	c.refuse(len(s.Password) > MaxSearchPassword, "password", "field_too_long", "")
	c.refuse(len(s.DNS) > MaxDNS, "dns_ips", "field_too_many_dns", "")
	for _, a := range s.DNS {
		c.refuse(!a.IsValid() || isUnreachable(a), "dns_ips", "field_open_address", a.String())
	}
	c.refuse(len(s.Controllers) > MaxControllers, "controllers", "field_too_many_controllers", "")
	if _, problem := ParseControllers("controllers", s.Controllers); problem.Code != "" {
		c.refuse(true, problem.Field, problem.Code, problem.Value)
	}
	c.refuse(s.Transport != TransportLDAPS && s.Transport != TransportStartTLS, "transport", "field_choice", "")
	c.refuse(s.TLSName != "" && !IsHost(s.TLSName), "tls_name", "field_domain_name", Clean(s.TLSName, 80))
	c.refuse(len(s.CA) > MaxCA, "ca_pem", "field_too_long", "")
	if _, problem := ParseCertificates("ca_pem", []byte(s.CA)); problem.Code != "" {
		c.refuse(true, problem.Field, problem.Code, problem.Value)
	}
	c.refuse(len(s.Bases) > MaxBases, "ldap_paths", "field_too_many_bases", "")
	for _, base := range s.Bases {
		c.refuse(!strings.Contains(base, "=") || len(base) > MaxDN, "ldap_paths", "field_base", Clean(base, 80))
	}
	c.directoryGroups("login_groups", s.LoginGroups)
	c.directoryGroups("remote_groups", s.RemoteGroups)
	c.refuse(s.LockoutLimit < 0 || s.LockoutLimit > MaxLockoutLimit, "lockout_limit", "field_lockout_limit", "")
	c.refuse(s.LockoutLimit > 0 && (s.LockoutWindow < time.Minute || s.LockoutWindow > MaxLockoutWindow || s.LockoutWindow%time.Minute != 0),
		"lockout_minutes", "field_lockout_minutes", "")
	c.refuse(s.CheckInterval < time.Minute || s.CheckInterval > MaxCheckInterval || s.CheckInterval%time.Minute != 0,
		"check_minutes", "field_check_minutes", "")
	c.refuse(utf8.RuneCountInString(s.ComputerName) > MaxComputerName, "computer_name", "field_too_long", "")
	return Problems(c.problems)
}

func (c *settingsCheck) directoryGroups(field string, groups []DirectoryGroup) {
	c.refuse(len(groups) > MaxDirectoryGroups, field, "field_too_many_groups", "")
	for _, g := range groups {
		c.refuse(len(g.ID) > MaxDN || len(g.Name) > MaxDN || len(g.DN) > MaxDN, field, "field_too_long", "")
		c.refuse(g == DirectoryGroup{}, field, "field_required", "")
	}
}

// SameServer reports whether both settings send a password to the same servers, under the same trust, for the same account.
func (d DirectorySettings) SameServer(other DirectorySettings) bool {
	return d.Name == other.Name && d.Transport == other.Transport && d.TLSName == other.TLSName &&
		d.CA == other.CA && d.User == other.User && same(d.Controllers, other.Controllers) && same(d.DNS, other.DNS)
}
