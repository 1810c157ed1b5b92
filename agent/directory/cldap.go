package directory

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
)

// pingLimit is how long the CLDAP pings may take.
const pingLimit = 700 * time.Millisecond

// site returns the gateway's site from the first answer to a CLDAP ping; empty if there is none.
func (s *servers) site(ctx context.Context, hosts []string) string {
	ctx, cancel := context.WithTimeout(ctx, pingLimit)
	defer cancel()
	answers := make(chan string, len(hosts))
	for _, host := range hosts {
		go func() {
			site, _ := s.ping(ctx, host)
			answers <- site
		}()
	}
	for range hosts {
		if site := <-answers; site != "" {
			return site
		}
	}
	return ""
}

// pingSite asks a controller over UDP for the gateway's site.
func (s *servers) pingSite(ctx context.Context, host string) (string, error) {
	addresses, err := s.dns.lookupHost(ctx, host)
	if err != nil {
		return "", err
	}
	request, err := pingRequest(s.settings.Name)
	if err != nil {
		return "", err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "udp", netip.AddrPortFrom(addresses[0], agent.DefaultLDAPPort).String())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if _, err := conn.Write(request); err != nil {
		return "", err
	}
	answer := make([]byte, 4096)
	n, err := conn.Read(answer)
	if err != nil {
		return "", err
	}
	logon, err := parsePing(answer[:n])
	return logon.clientSite, err
}

// pingRequest makes a CLDAP ping (MS-ADTS 6.3.3).
func pingRequest(domain string) ([]byte, error) {
	filter, err := ldap.CompileFilter("(&(DnsDomain=" + ldap.EscapeFilter(domain) + `)(NtVer=\16\00\00\00))`)
	if err != nil {
		return nil, err
	}
	search := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchRequest, nil, "")
	search.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", ""))
	search.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, ldap.ScopeBaseObject, ""))
	search.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, ldap.NeverDerefAliases, ""))
	search.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 0, ""))
	search.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 0, ""))
	search.AppendChild(ber.NewLDAPBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, false, ""))
	search.AppendChild(filter)
	attributes := ber.NewSequence("")
	attributes.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "Netlogon", ""))
	search.AppendChild(attributes)
	message := ber.NewSequence("")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 1, ""))
	message.AppendChild(search)
	return message.Bytes(), nil
}

// netlogon is the part of NETLOGON_SAM_LOGON_RESPONSE_EX that is used (MS-ADTS 6.3.1.9).
type netlogon struct {
	forest, domain, host, netbios string
	site, clientSite              string // clientSite is empty where the gateway's network belongs to no site
}

var errPing = errors.New("malformed answer to a CLDAP ping")

// parsePing decodes an answer to pingRequest.
func parsePing(datagram []byte) (netlogon, error) {
	message, err := ber.DecodePacketErr(datagram)
	if err != nil {
		return netlogon{}, err
	}
	entry := child(message, 1)
	if entry == nil || entry.ClassType != ber.ClassApplication || entry.Tag != ldap.ApplicationSearchResultEntry {
		return netlogon{}, errPing
	}
	attribute := child(child(entry, 1), 0)
	value := child(child(attribute, 1), 0)
	if value == nil || !strings.EqualFold(string(child(attribute, 0).ByteValue), "netlogon") {
		return netlogon{}, errPing
	}
	return parseNetlogon(value.ByteValue)
}

// child returns the i-th part of a packet; nil if there is none.
func child(p *ber.Packet, i int) *ber.Packet {
	if p == nil || i >= len(p.Children) {
		return nil
	}
	return p.Children[i]
}

func parseNetlogon(b []byte) (n netlogon, err error) {
	const head = 24 // opcode, reserved, flags, GUID
	if len(b) < head {
		return n, errPing
	}
	if opcode := binary.LittleEndian.Uint16(b); opcode != 23 && opcode != 25 { // LOGON_SAM_LOGON_RESPONSE_EX, LOGON_SAM_USER_UNKNOWN_EX
		return n, errPing
	}
	at := head
	var computer, user string
	for _, name := range []*string{&n.forest, &n.domain, &n.host, &n.netbios, &computer, &user, &n.site, &n.clientSite} {
		if *name, at, err = parseName(b, at); err != nil {
			return netlogon{}, err
		}
	}
	if !isLabel(n.clientSite) {
		n.clientSite = ""
	}
	return n, nil
}

// parseName decodes a name with the compression of RFC 1035 at an index, and returns the index behind it. A pointer leads only
// backwards.
func parseName(b []byte, at int) (name string, end int, err error) {
	var labels []string
	limit, length := len(b), 0 // a label must begin before limit
	for {
		if at >= limit {
			return "", 0, errPing
		}
		n := int(b[at])
		switch {
		case n == 0:
			return strings.Join(labels, "."), max(end, at+1), nil
		case n < 64:
			if length += n + 1; length > 255 || at+1+n > len(b) {
				return "", 0, errPing
			}
			labels = append(labels, string(b[at+1:at+1+n]))
			at += 1 + n
		case n < 192 || at+1 >= len(b):
			return "", 0, errPing
		default:
			if end == 0 {
				end = at + 2
			}
			limit, at = at, (n&63)<<8|int(b[at+1])
			if at >= limit {
				return "", 0, errPing
			}
		}
	}
}

// isLabel reports whether a site's name can be one label of a DNS name.
func isLabel(s string) bool {
	return s != "" && len(s) <= 63 && strings.IndexFunc(s, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0
}
