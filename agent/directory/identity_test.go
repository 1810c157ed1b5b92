package directory

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
)

func TestSID(t *testing.T) {
	for text, want := range map[string]string{
		"S-1-5-21-2127521184-1604012920-1887927527-72713": "\x01\x05\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00\xa0\x65\xcf\x7e\x78\x4b\x9b\x5f\xe7\x7c\x87\x70\x09\x1c\x01\x00",
		"S-1-5-32-545":          "\x01\x02\x00\x00\x00\x00\x00\x05\x20\x00\x00\x00\x21\x02\x00\x00",
		"S-1-0":                 "\x01\x00\x00\x00\x00\x00\x00\x00",
		"S-1-281474976710655-7": "\x01\x01\xff\xff\xff\xff\xff\xff\x07\x00\x00\x00",
	} {
		if got, err := sidText([]byte(want)); err != nil || got != text {
			t.Errorf("%q, %v, want %s", got, err, text)
		}
		if got, err := parseSID(strings.ToLower(text)); err != nil || string(got) != want {
			t.Errorf("%s: %x, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "S-1-", "S-2-5-21", "S-1-5-", "S-1-5-21-4294967296", "S-1-281474976710656", "S-1--5", "S-1-5-+1", "S-1-5-0x15",
		"S-1-5" + strings.Repeat("-1", 16), "S-1-5-" + strings.Repeat("0", 300)} {
		if sid, err := parseSID(text); err == nil {
			t.Errorf("%q: %x", text, sid)
		}
	}
}

// TestGUID: the text is the one that Windows shows.
func TestGUID(t *testing.T) {
	raw := []byte{0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	const want = "00112233-4455-6677-8899-aabbccddeeff"
	if got, err := guidText(raw); err != nil || got != want {
		t.Error(got, err)
	}
	if got, err := parseGUID(strings.ToUpper(want)); err != nil || !bytes.Equal(got, raw) {
		t.Errorf("%x, %v", got, err)
	}
	for _, text := range []string{"", "{" + want + "}", strings.ReplaceAll(want, "-", ""), want[:35], want[:35] + "g"} {
		if got, err := parseGUID(text); err == nil {
			t.Errorf("%q: %x", text, got)
		}
	}
}

func TestDNKey(t *testing.T) {
	for _, same := range [][]string{
		{"CN=Sales,OU=Groups,DC=example,DC=test", "cn=sales, ou=groups,dc=EXAMPLE,dc=test", "cn=sale\\73,ou=groups,dc=example,dc=test"},
		{`CN=Doe\, John,DC=test`, `cn=doe\2c john,dc=test`},
		{"CN=Иван,DC=test", `cn=\d0\b8\d0\b2\d0\b0\d0\bd,dc=test`},
	} {
		for _, dn := range same {
			if dnKey(dn) != dnKey(same[0]) {
				t.Errorf("%s: %s, want %s", dn, dnKey(dn), dnKey(same[0]))
			}
		}
	}
	if dnKey("cn=a,dc=test") == dnKey("cn=a,cn=a,dc=test") || dnKey("no DN") != "no dn" {
		t.Error("different DNs are equal")
	}
	if domainDN("example.test") != "DC=example,DC=test" || domainOf("dc=Example,DC=test") != "example.test" || domainOf("CN=a,DC=test") != "" {
		t.Error("DNs of domains")
	}
}

func FuzzSID(f *testing.F) {
	for _, s := range []string{"S-1-5-32-545", "s-1-0", "S-1-5", "\x01\x00\x00\x00\x00\x00\x00\x05", "S-1-5-4294967295-0", "S-1-" + strings.Repeat("9", 20), "\x01\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if text, err := sidText(b); err == nil {
			if back, err := parseSID(text); err != nil || !bytes.Equal(back, b) {
				t.Fatalf("%x: %s: %x, %v", b, text, back, err)
			}
		}
		if sid, err := parseSID(string(b)); err == nil {
			if _, err := sidText(sid); err != nil {
				t.Fatalf("%q: %x: %v", b, sid, err)
			}
		}
	})
}

func FuzzGUID(f *testing.F) {
	f.Add("00112233-4455-6677-8899-aabbccddeeff")
	f.Add("{00112233-4455-6677-8899-aabbccddeeff}")
	f.Add("urn:uuid:00112233-4455-6677-8899-aabbccddeeff")
	f.Fuzz(func(t *testing.T, text string) {
		raw, err := parseGUID(text)
		if err != nil {
			return
		}
		if back, err := guidText(raw); err != nil || back != strings.ToLower(text) {
			t.Fatalf("%q: %q, %v", text, back, err)
		}
	})
}

// FuzzDN: a DN of any text is bounded, and its key is stable.
func FuzzDN(f *testing.F) {
	for _, s := range []string{"CN=Sales,DC=test", `CN=Doe\, John+OU=a,DC=test`, "cn=#0401ff", "=", "a=b,", `a=\`, "a=\\zz", "cn= a ,dc=b;dc=c", "cn=\"a,b\",dc=c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, dn string) {
		parsed, ok := parseDN(dn)
		if ok && (len(dn) > agent.MaxDN || len(parsed.RDNs) == 0) {
			t.Fatalf("%q: %v", dn, parsed)
		}
		domainOf(dn)
		if key := dnKey(dn); ok && len(key) <= agent.MaxDN {
			if again := dnKey(key); again != key {
				t.Fatalf("%q: %q, then %q", dn, key, again)
			}
		}
	})
}

// FuzzIdentityFilter: identities from the store become a filter for equal values only.
func FuzzIdentityFilter(f *testing.F) {
	f.Add("00112233-4455-6677-8899-aabbccddeeff")
	f.Add("*")
	f.Add("a)(uid=*")
	f.Add("\x00\xff")
	f.Fuzz(func(t *testing.T, text string) {
		for _, k := range kinds {
			for _, id := range []identity{k.id, k.groupID} {
				packet, err := ldap.CompileFilter(id.filter(text, text))
				if err != nil {
					t.Fatal(err)
				}
				if packet.Tag == ldap.FilterNot { // matchNone
					continue
				}
				for _, c := range packet.Children {
					if c.Tag != ldap.FilterEqualityMatch {
						t.Fatalf("%q: %s", text, id.filter(text))
					}
				}
			}
		}
	})
}
