package directory

import (
	"encoding/hex"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// netlogonAnswer makes an answer to a CLDAP ping whose names are compressed like those of Windows.
func netlogonAnswer(names ...string) []byte {
	value := make([]byte, 24)
	value[0] = 23
	at := map[string]int{}
	for _, name := range names {
		pointed := false
		for name != "" && !pointed {
			i, known := at[name]
			if pointed = known; known {
				value = append(value, 0xC0|byte(i>>8), byte(i))
				break
			}
			at[name] = len(value)
			label, rest, _ := strings.Cut(name, ".")
			value = append(append(value, byte(len(label))), label...)
			name = rest
		}
		if !pointed {
			value = append(value, 0)
		}
	}
	return pingAnswer(append(value, 5, 0, 0, 0, 0xff, 0xff, 0xff, 0xff))
}

func pingAnswer(value []byte) []byte {
	set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
	set.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, string(value), ""))
	attribute := ber.NewSequence("")
	attribute.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "Netlogon", ""))
	attribute.AppendChild(set)
	attributes := ber.NewSequence("")
	attributes.AppendChild(attribute)
	entry := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
	entry.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", ""))
	entry.AppendChild(attributes)
	message := ber.NewSequence("")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 1, ""))
	message.AppendChild(entry)
	done := ber.NewSequence("")
	return append(message.Bytes(), done.Bytes()...)
}

// sambaPing is an answer of Samba 4.17.
var sambaPing, _ = hex.DecodeString("3079020101647404003070306e04086e65746c6f676f6e3162046017000000bd110000003b47b4bb45a740a858526b9da03e" +
	"15076578616d706c65047465737400c01803646331c018074558414d504c45000344433100001744656661756c742d466972" +
	"73742d536974652d4e616d6500c03d05000000ffffffff300c02010165070a010004000400")

func TestParsePing(t *testing.T) {
	names := []string{"example.test", "example.test", "dc1.example.test", "EXAMPLE", "DC1", "", "Moscow", "Riga-2"}
	got, err := parsePing(netlogonAnswer(names...))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "answer", got, netlogon{"example.test", "example.test", "dc1.example.test", "EXAMPLE", "Moscow", "Riga-2"})

	got, err = parsePing(sambaPing)
	equal(t, "error", err, nil)
	equal(t, "answer of Samba", got,
		netlogon{"example.test", "example.test", "dc1.example.test", "EXAMPLE", "Default-First-Site-Name", "Default-First-Site-Name"})

	names[7] = "" // the gateway's network belongs to no site
	got, err = parsePing(netlogonAnswer(names...))
	equal(t, "error", err, nil)
	equal(t, "site", got.clientSite, "")

	for _, site := range []string{"a b", "Москва", "a/b", strings.Repeat("x", 64)} { // cannot be in a DNS name
		names[7] = site
		got, _ = parsePing(netlogonAnswer(names...))
		equal(t, "site", got.clientSite, "")
	}
}

func TestParsePingRefuses(t *testing.T) {
	good := netlogonAnswer("example.test", "example.test", "dc1.example.test", "EXAMPLE", "DC1", "", "A", "B")
	end := strings.LastIndex(string(good), "\x01B\x00") + 3 // what follows the last name is not needed
	for i := range end {
		if got, err := parsePing(good[:i]); err == nil {
			t.Errorf("the first %d bytes: %+v", i, got)
		}
	}
	head := make([]byte, 24)
	head[0] = 23
	for name, tail := range map[string]string{
		"pointer to itself":    "\xC0\x18",
		"pointer forwards":     "\xC0\x1A\x01a\x00",
		"loop":                 "\x01a\xC0\x18",
		"pointer without end":  "\xC0",
		"unknown label":        "\x40a\x00",
		"name over 255 octets": strings.Repeat("\x3F"+strings.Repeat("a", 63), 4) + "\x00",
	} {
		_, _, err := parseName([]byte(string(head)+tail), 24)
		equal(t, name, err, errPing)
	}
	head[0] = 19 // LOGON_SAM_LOGON_RESPONSE: another format
	_, err := parsePing(pingAnswer(append(head, make([]byte, 8)...)))
	equal(t, "another format", err, errPing)
}

func TestPingRequest(t *testing.T) {
	request, err := pingRequest("example.test")
	if err != nil {
		t.Fatal(err)
	}
	p, err := ber.DecodePacketErr(request)
	if err != nil {
		t.Fatal(err)
	}
	filter := p.Children[1].Children[6]
	equal(t, "domain", string(filter.Children[0].Children[1].ByteValue), "example.test")
	equal(t, "version", string(filter.Children[1].Children[1].ByteValue), "\x16\x00\x00\x00")
}

func FuzzParsePing(f *testing.F) {
	f.Add(netlogonAnswer("example.test", "example.test", "dc1.example.test", "EXAMPLE", "DC1", "", "Moscow", "Moscow"))
	f.Add(netlogonAnswer("corp.example.test", "example.test", "dc1.corp.example.test", "CORP", "DC1", "", "A", ""))
	f.Add(sambaPing)
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parsePing(b)
		if err != nil {
			equal(t, "answer", got, netlogon{})
			return
		}
		for _, name := range []string{got.forest, got.domain, got.host, got.netbios, got.site, got.clientSite} {
			if len(name) > 255 {
				t.Errorf("a name of %d bytes", len(name))
			}
		}
		if strings.Contains(got.clientSite, ".") {
			t.Errorf("site %q", got.clientSite)
		}
	})
}

func FuzzParseName(f *testing.F) {
	f.Add([]byte("\x07example\x04test\x00\x03dc1\xC0\x00"), 14)
	f.Add([]byte("\xC0\x00"), 0)
	f.Fuzz(func(t *testing.T, b []byte, at int) {
		if at < 0 || len(b) > 4096 {
			return
		}
		name, end, err := parseName(b, at)
		if err == nil && (end <= at || end > len(b) || len(name) > 255) {
			t.Errorf("%q, end %d", name, end)
		}
	})
}
