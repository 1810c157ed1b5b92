package directory

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
)

var errInvisible = errors.New("the entry is not visible")

// facts are what a directory says about itself.
type facts struct {
	root     string   // DN of the domain
	netbios  string   // Active Directory only
	suffixes []string // of userPrincipalNames, besides the name of the directory
	at       time.Time
}

// factsAge is how long facts are cached.
const factsAge = time.Hour

// readFacts reads the facts of a directory. Only the root DSE must be readable.
func readFacts(c *ldap.Conn, s agent.DirectorySettings) (facts, error) {
	dse, err := readEntry(c, "", "defaultNamingContext", "namingContexts", "configurationNamingContext", "rootDomainNamingContext")
	if err != nil {
		return facts{}, err
	}
	f := facts{root: rootOf(dse, s.Name), at: time.Now()}
	if s.Kind != agent.DirectoryAD {
		return f, nil
	}
	partitions := "CN=Partitions," + first(dse, "configurationNamingContext")
	if e, err := readEntry(c, partitions, "uPNSuffixes"); err == nil {
		f.suffixes = e.GetEqualFoldAttributeValues("uPNSuffixes")
	} else if !answered(err) {
		return facts{}, err
	}
	if forest := domainOf(first(dse, "rootDomainNamingContext")); forest != "" && forest != s.Name {
		f.suffixes = append(f.suffixes, forest)
	}
	found, err := searchFew(c, 1, partitions, ldap.ScopeWholeSubtree, "(&(objectClass=crossRef)"+equals("nCName", f.root)+")", "nETBIOSName")
	if err != nil && !answered(err) {
		return facts{}, err
	}
	if len(found) > 0 {
		f.netbios = first(found[0], "nETBIOSName")
	}
	return f, nil
}

// rootOf returns the DN of the domain: the server's default, or the naming context with the domain's name, above it, or the first.
func rootOf(dse *ldap.Entry, name string) string {
	if root := first(dse, "defaultNamingContext"); root != "" {
		return root
	}
	all := dse.GetEqualFoldAttributeValues("namingContexts")
	own := dnKey(domainDN(name))
	if i := slices.IndexFunc(all, func(dn string) bool { return dnKey(dn) == own }); i >= 0 {
		return all[i]
	}
	for _, dn := range all {
		if strings.HasSuffix(own, ","+dnKey(dn)) {
			return dn
		}
	}
	if len(all) > 0 {
		return all[0]
	}
	return domainDN(name)
}
