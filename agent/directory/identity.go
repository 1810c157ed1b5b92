package directory

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/uuid"

	"ideco-agent/agent"
)

// maxSubAuthorities limits the parts of a SID, see [MS-DTYP] 2.4.2.
const maxSubAuthorities = 15

var errSID = errors.New("not a SID")

// sidText writes a binary SID as S-1-5-21-….
func sidText(sid []byte) (string, error) {
	if len(sid) < 8 || sid[0] != 1 || sid[1] > maxSubAuthorities || len(sid) != 8+4*int(sid[1]) {
		return "", errSID
	}
	authority := binary.BigEndian.Uint64(append([]byte{0, 0}, sid[2:8]...))
	text := strconv.AppendUint([]byte("S-1-"), authority, 10)
	for part := sid[8:]; len(part) > 0; part = part[4:] {
		text = strconv.AppendUint(append(text, '-'), uint64(binary.LittleEndian.Uint32(part)), 10)
	}
	return string(text), nil
}

// parseSID is the reverse of sidText. It accepts decimal numbers only.
func parseSID(text string) ([]byte, error) {
	const longest = len("S-1-281474976710655") + maxSubAuthorities*len("-4294967295")
	if len(text) > longest || len(text) < 4 || !strings.EqualFold(text[:4], "S-1-") {
		return nil, errSID
	}
	parts := strings.Split(text[4:], "-")
	authority, err := strconv.ParseUint(parts[0], 10, 48)
	if err != nil || len(parts)-1 > maxSubAuthorities {
		return nil, errSID
	}
	sid := binary.BigEndian.AppendUint64(nil, authority)
	sid[0], sid[1] = 1, byte(len(parts)-1)
	for _, part := range parts[1:] {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return nil, errSID
		}
		sid = binary.LittleEndian.AppendUint32(sid, uint32(n))
	}
	return sid, nil
}

// guidText writes an objectGUID, whose first three parts are little-endian, as lower-case text with hyphens.
func guidText(guid []byte) (string, error) {
	if len(guid) != 16 {
		return "", fmt.Errorf("an objectGUID of %d bytes", len(guid))
	}
	return uuid.UUID(swapGUID([16]byte(guid))).String(), nil
}

// parseGUID is the reverse of guidText.
func parseGUID(text string) ([]byte, error) {
	if len(text) != 36 {
		return nil, fmt.Errorf("%q is not a GUID", agent.Clean(text, 40))
	}
	id, err := uuid.Parse(text)
	if err != nil {
		return nil, err
	}
	guid := swapGUID(id)
	return guid[:], nil
}

func swapGUID(g [16]byte) [16]byte {
	g[0], g[1], g[2], g[3] = g[3], g[2], g[1], g[0]
	g[4], g[5] = g[5], g[4]
	g[6], g[7] = g[7], g[6]
	return g
}

// escapeBytes writes bytes as the value of a filter.
func escapeBytes(b []byte) string {
	var s strings.Builder
	for _, one := range b {
		s.WriteString(`\` + hex.EncodeToString([]byte{one}))
	}
	return s.String()
}

// dnKey returns the same text for equal DNs: in lower case, with the same escapes, without spaces around the parts.
// A text that is no DN is returned in lower case.
func dnKey(dn string) string {
	parsed, ok := parseDN(dn)
	if !ok {
		return strings.ToLower(dn)
	}
	for _, rdn := range parsed.RDNs {
		for _, a := range rdn.Attributes {
			a.Type, a.Value = strings.ToLower(a.Type), strings.ToLower(a.Value)
		}
	}
	return parsed.String()
}

// parseDN parses a DN of at most agent.MaxDN bytes. It reports false for a text that is no DN, and for the empty one.
func parseDN(dn string) (*ldap.DN, bool) {
	if len(dn) > agent.MaxDN {
		return nil, false
	}
	parsed, err := ldap.ParseDN(dn)
	return parsed, err == nil && len(parsed.RDNs) > 0
}

// domainDN returns the DN of a DNS domain: DC=example,DC=test.
func domainDN(domain string) string {
	var parts []string
	for part := range strings.SplitSeq(domain, ".") {
		parts = append(parts, "DC="+ldap.EscapeDN(part))
	}
	return strings.Join(parts, ",")
}

// domainOf is the reverse of domainDN. It returns "" for another DN.
func domainOf(dn string) string {
	parsed, ok := parseDN(dn)
	if !ok {
		return ""
	}
	var parts []string
	for _, rdn := range parsed.RDNs {
		if len(rdn.Attributes) != 1 || !strings.EqualFold(rdn.Attributes[0].Type, "DC") {
			return ""
		}
		parts = append(parts, rdn.Attributes[0].Value)
	}
	return strings.ToLower(strings.Join(parts, "."))
}
