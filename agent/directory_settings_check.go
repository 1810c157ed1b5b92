package agent

import (
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of the numbers of a directory. Active Directory has the same ones for the lockout rule.
const (
	maxLockoutLimit  = 999
	maxLockoutWindow = 99999 * time.Minute
	maxCheckInterval = 24 * time.Hour
)

// Canonicalize brings settings from a form or a request into the form in which they are stored, fills in what is empty and
// has a default, and returns all problems under the names of REST: name, kind, transport, controllers, dns_ips, tls_name,
// ca_pem, user, password, ldap_paths, login_groups, remote_groups, lockout_limit, lockout_minutes, check_minutes,
// computer_name. It does not look whether there is a password, whether DNs are well-formed, or whether groups exist.
//
// CA may be PEM or one DER certificate. Anything else in it, such as a private key, is dropped.
func (d *DirectorySettings) Canonicalize() []Problem {
	var c settingsCheck
	c.directoryServer(d)
	c.directoryCA(d)
	c.directorySearch(d)
	c.directoryGroups("login_groups", &d.LoginGroups)
	c.directoryGroups("remote_groups", &d.RemoteGroups)
	c.directoryNumbers(d)
	d.ComputerName = Clean(d.ComputerName, MaxDeviceName)
	return c.problems
}

func (c *settingsCheck) directoryServer(d *DirectorySettings) {
	if d.Kind == "" {
		d.Kind = DirectoryAD
	}
	if d.Transport == "" {
		d.Transport = TransportLDAPS
	}
	c.refuse(!Contains(DirectoryKinds, d.Kind), "kind", "field_choice", "")
	c.refuse(d.Transport != TransportLDAPS && d.Transport != TransportStartTLS, "transport", "field_choice", "")

	name, ok := canonicalSuffix(strings.TrimSpace(d.Name))
	c.refuse(strings.TrimSpace(d.Name) == "", "name", "field_required", "")
	c.refuse(strings.TrimSpace(d.Name) != "" && (!ok || !strings.Contains(name, ".")), "name", "field_domain_name", Clean(d.Name, 80))
	if ok {
		d.Name = name
	}

	d.Controllers = lines(d.Controllers)
	c.refuse(len(d.Controllers) > MaxControllers, "controllers", "field_too_many_lines", strconv.Itoa(MaxControllers))
	for i, text := range d.Controllers {
		controller, ok := canonicalController(text)
		c.refuse(!ok, "controllers", "field_controller", Clean(text, 80))
		d.Controllers[i] = controller
	}

	c.refuse(len(d.DNS) > MaxDNS, "dns_ips", "field_too_many_dns", "")
	for i, a := range d.DNS {
		a = a.Unmap()
		c.refuse(!a.IsValid() || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast(), "dns_ips", "field_address", a.String())
		d.DNS[i] = a
	}

	if d.TLSName = strings.TrimSpace(d.TLSName); d.TLSName != "" {
		host, ok := canonicalHost(d.TLSName)
		c.refuse(!ok, "tls_name", "field_domain", Clean(d.TLSName, 80))
		d.TLSName = host
	}
}

// canonicalController reads host or host:port. An IPv6 address with a port has brackets, and so has the result.
func canonicalController(text string) (string, bool) {
	host, port := text, ""
	if _, err := netip.ParseAddr(text); err != nil {
		if name, p, err := net.SplitHostPort(text); err == nil {
			if !isPort(p) {
				return text, false
			}
			host, port = name, p
		}
	}
	host, ok := canonicalHost(host)
	if ok && port != "" {
		host = net.JoinHostPort(host, port)
	}
	return host, ok
}

func (c *settingsCheck) directoryCA(d *DirectorySettings) {
	if strings.TrimSpace(d.CA) == "" {
		d.CA = ""
		return
	}
	if len(d.CA) > MaxCA {
		c.refuse(true, "ca_pem", "field_too_long", "")
		return
	}
	var certificates strings.Builder
	add := func(der []byte) bool {
		_, err := x509.ParseCertificate(der)
		return err == nil && pem.Encode(&certificates, &pem.Block{Type: "CERTIFICATE", Bytes: der}) == nil
	}
	if add([]byte(d.CA)) {
		d.CA = certificates.String()
		return
	}
	broken := false
	for block, rest := pem.Decode([]byte(d.CA)); block != nil; block, rest = pem.Decode(rest) {
		broken = broken || block.Type == "CERTIFICATE" && !add(block.Bytes)
	}
	c.refuse(broken || certificates.Len() == 0, "ca_pem", "field_certificate", "")
	d.CA = certificates.String()
}

func (c *settingsCheck) directorySearch(d *DirectorySettings) {
	d.User = Clean(d.User, MaxDN+1)
	c.refuse(d.User == "", "user", "field_required", "")
	c.refuse(len(d.User) > MaxDN, "user", "field_too_long", "")
	c.refuse(utf8.RuneCountInString(d.Password) > MaxPassword, "password", "field_too_long", "")

	d.Bases = lines(d.Bases)
	c.refuse(len(d.Bases) > MaxBases, "ldap_paths", "field_too_many_lines", strconv.Itoa(MaxBases))
	for _, base := range d.Bases {
		c.refuse(len(base) > MaxDN, "ldap_paths", "field_too_long", "")
	}
}

func (c *settingsCheck) directoryGroups(field string, groups *[]DirectoryGroup) {
	var list []DirectoryGroup
	for _, g := range *groups {
		g = DirectoryGroup{ID: strings.TrimSpace(g.ID), Name: strings.TrimSpace(g.Name), DN: strings.TrimSpace(g.DN)}
		c.refuse(len(g.ID) > MaxDN || len(g.Name) > MaxDN || len(g.DN) > MaxDN, field, "field_too_long", "")
		if g != (DirectoryGroup{}) && !Contains(list, g) {
			list = append(list, g)
		}
	}
	c.refuse(len(list) > MaxDirectoryGroups, field, "field_too_many_lines", strconv.Itoa(MaxDirectoryGroups))
	*groups = list
}

func (c *settingsCheck) directoryNumbers(d *DirectorySettings) {
	wrong := func(d, most time.Duration) bool { return d < time.Minute || d > most || d%time.Minute != 0 }
	c.refuse(d.LockoutLimit < 0 || d.LockoutLimit > maxLockoutLimit, "lockout_limit", "field_lockout_limit", "")
	if d.LockoutLimit <= 0 {
		d.LockoutWindow = 0
	} else {
		c.refuse(wrong(d.LockoutWindow, maxLockoutWindow), "lockout_minutes", "field_lockout_minutes", "")
	}
	if d.CheckInterval == 0 {
		d.CheckInterval = DefaultCheckInterval
	}
	c.refuse(wrong(d.CheckInterval, maxCheckInterval), "check_minutes", "field_check_minutes", "")
}

// lines returns the elements of a list without space around them, empty ones and duplicates.
func lines(list []string) []string {
	var kept []string
	for _, one := range list {
		if one = strings.TrimSpace(one); one != "" && !Contains(kept, one) {
			kept = append(kept, one)
		}
	}
	return kept
}

// SameServer reports whether both settings send a password to the same servers, under the same trust, for the same account.
func (d DirectorySettings) SameServer(other DirectorySettings) bool {
	return d.Name == other.Name && d.Transport == other.Transport && d.TLSName == other.TLSName &&
		d.CA == other.CA && d.User == other.User && same(d.Controllers, other.Controllers) && same(d.DNS, other.DNS)
}
