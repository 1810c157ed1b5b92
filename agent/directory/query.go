package directory

import (
	"github.com/go-ldap/ldap/v3"
)

// pageSize is how many entries a server is asked for at once. Active Directory gives at most 1,000.
const pageSize = 500

func request(base string, scope int, filter string, attributes ...string) *ldap.SearchRequest {
	return ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, 0, 0, false, filter, attributes, nil)
}

// readEntry reads one entry. Errors: isMissing holds for an entry that does not exist or is not visible.
func readEntry(c *ldap.Conn, dn string, attributes ...string) (*ldap.Entry, error) {
	result, err := c.Search(request(dn, ldap.ScopeBaseObject, "(objectClass=*)", attributes...))
	if err != nil {
		return nil, err
	}
	if len(result.Entries) == 0 {
		return nil, ldap.NewError(ldap.LDAPResultNoSuchObject, errInvisible)
	}
	return result.Entries[0], nil
}

// searchAll returns all entries below a base, page by page.
func searchAll(c *ldap.Conn, base, filter string, attributes ...string) ([]*ldap.Entry, error) {
	result, err := c.SearchWithPaging(request(base, ldap.ScopeWholeSubtree, filter, attributes...), pageSize)
	if err != nil {
		return nil, err
	}
	return result.Entries, nil
}

// searchFew returns at most so many entries below a base.
func searchFew(c *ldap.Conn, most int, base string, scope int, filter string, attributes ...string) ([]*ldap.Entry, error) {
	r := request(base, scope, filter, attributes...)
	r.SizeLimit = most
	result, err := c.Search(r)
	if err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) {
		return nil, err
	}
	return result.Entries, nil
}
