package directory

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"ideco-agent/agent"
)

// loginForm is a login as a person types it, split into its parts.
type loginForm struct {
	domain string // empty = none was typed
	user   string
	at     bool // user@domain, which may be a userPrincipalName

	// alternative says that the domain is a suffix of userPrincipalNames and no name of the directory.
	alternative bool
}

// parseLogin splits a login: user, DOMAIN\user, domain/user or user@domain. Spaces around the parts are cut off. It reports false
// for a text that can be no login.
func parseLogin(login string) (f loginForm, ok bool) {
	if len(login) > agent.MaxLoginTyped || !utf8.ValidString(login) || strings.IndexFunc(login, unicode.IsControl) >= 0 {
		return loginForm{}, false
	}
	f.user = login
	separated := true
	if i := strings.IndexAny(login, `\/`); i >= 0 {
		f.domain, f.user = login[:i], login[i+1:]
	} else if i := strings.LastIndexByte(login, '@'); i >= 0 {
		f.user, f.domain, f.at = login[:i], login[i+1:], true
	} else {
		separated = false
	}
	f.user = strings.TrimSpace(f.user)
	f.domain = strings.TrimSuffix(strings.TrimSpace(f.domain), ".")
	return f, f.user != "" && (f.domain != "" || !separated)
}

// upn returns the login as a userPrincipalName.
func (f loginForm) upn() string { return f.user + "@" + f.domain }

// names reports whether the typed domain is a directory's DNS name or its NetBIOS name.
func (f loginForm) names(name, netbios string) bool {
	if strings.EqualFold(f.domain, name) || netbios != "" && strings.EqualFold(f.domain, netbios) {
		return true
	}
	if isASCII(f.domain) {
		return false
	}
	host, removed, problem := agent.ParseDomain(f.domain)
	return problem == agent.Problem{} && removed == "" && host == name
}

// hasSuffix reports whether the login is user@domain with one of the suffixes.
func (f loginForm) hasSuffix(suffixes []string) bool {
	return f.at && slices.ContainsFunc(suffixes, func(s string) bool { return strings.EqualFold(s, f.domain) })
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

// sameUPN reports whether a userPrincipalName is the typed one.
func sameUPN(upn string, f loginForm) bool { return strings.EqualFold(upn, f.upn()) }
