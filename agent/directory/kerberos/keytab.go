package kerberos

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/types"

	"ideco-agent/agent"
)

// maxKeys limits the keys of a keytab.
const maxKeys = 512

// Keytab has the keys of a service.
type Keytab struct {
	realm string
	keys  []key
}

// key is one key of a service principal.
type key struct {
	service string // without the realm: HTTP/portal.example.test
	kvno    uint32
	types.EncryptionKey
}

// strong has the key types that are accepted, with their names in Kerberos programs.
var strong = map[int32]string{
	etypeID.AES128_CTS_HMAC_SHA1_96:    "AES128-SHA1",
	etypeID.AES256_CTS_HMAC_SHA1_96:    "AES256-SHA1",
	etypeID.AES128_CTS_HMAC_SHA256_128: "AES128-SHA256",
	etypeID.AES256_CTS_HMAC_SHA384_192: "AES256-SHA384",
}

// weak has the names of key types that are not accepted.
var weak = map[int32]string{
	etypeID.DES_CBC_CRC:      "DES",
	etypeID.DES_CBC_MD5:      "DES",
	etypeID.DES3_CBC_SHA1_KD: "3DES",
	etypeID.RC4_HMAC:         "RC4",
}

// ParseKeytab reads a keytab file. All its principals must be of one realm, and at least one key must be AES. Errors: an
// agent.Problem of the field keytab, which contains no key.
func ParseKeytab(file []byte) (*Keytab, error) {
	refuse := func(code, value string) (*Keytab, error) {
		return nil, agent.Problem{Field: "keytab", Code: code, Value: agent.Clean(value, 80)}
	}
	if len(file) > agent.MaxKeytab {
		return refuse("field_keytab_size", "")
	}
	var parsed keytab.Keytab
	if err := recovered(func() error { return parsed.Unmarshal(file) }); err != nil || len(parsed.Entries) == 0 || len(parsed.Entries) > maxKeys {
		return refuse("field_keytab", "") // an error of Unmarshal may quote keys
	}
	k := &Keytab{realm: parsed.Entries[0].Principal.Realm}
	for _, e := range parsed.Entries {
		if e.Principal.Realm == "" || len(e.Principal.Components) == 0 {
			return refuse("field_keytab", "")
		}
		if !strings.EqualFold(e.Principal.Realm, k.realm) {
			return refuse("field_keytab_realms", k.realm+", "+e.Principal.Realm)
		}
		k.keys = append(k.keys, key{strings.Join(e.Principal.Components, "/"), e.KVNO, e.Key})
	}
	if !slices.ContainsFunc(k.keys, key.strong) {
		return refuse("field_keytab_weak", k.keys[0].etype())
	}
	return k, nil
}

// Realm is the realm of all principals.
func (k *Keytab) Realm() string { return k.realm }

// Keys describes the keys, without the keys themselves.
func (k *Keytab) Keys() []agent.KeytabKey {
	list := make([]agent.KeytabKey, len(k.keys))
	for i, one := range k.keys {
		list[i] = agent.KeytabKey{Principal: agent.Clean(one.service+"@"+k.realm, agent.MaxDN), KVNO: int(one.kvno), Type: one.etype(), Usable: one.strong()}
	}
	return list
}

func (k key) strong() bool { return strong[k.KeyType] != "" }

func (k key) etype() string { return etypeName(k.KeyType) }

func etypeName(id int32) string {
	if name := strong[id] + weak[id]; name != "" {
		return name
	}
	return fmt.Sprintf("%d", id)
}

// maxTried limits the keys that are tried for one ticket.
const maxTried = 16

// keysFor returns the keys that a ticket may be encrypted with: those of its service or, without any, those of other services, because
// one account may have several services. Versions are compared by their last 8 bits, because older files have no more. Errors name
// what the keytab lacks.
func (k *Keytab) keysFor(service string, kvno int, etype int32) ([]key, error) {
	if strong[etype] == "" {
		return nil, fmt.Errorf("the ticket is encrypted with %s, which is not accepted: set the account's msDS-SupportedEncryptionTypes to 24", etypeName(etype))
	}
	var own, others []key
	sameService, sameType := false, false
	for _, one := range k.keys {
		is := strings.EqualFold(one.service, service)
		sameService = sameService || is
		if one.KeyType != etype {
			continue
		}
		sameType = true
		if kvno != 0 && uint8(one.kvno) != uint8(kvno) {
			continue
		}
		if is {
			own = append(own, one)
		} else {
			others = append(others, one)
		}
	}
	found := own
	if len(found) == 0 {
		found = others
	}
	switch {
	case len(found) > 0:
		return found[:min(len(found), maxTried)], nil
	case !sameType:
		return nil, fmt.Errorf("the keytab has no key of the type %s", etypeName(etype))
	case sameService:
		return nil, fmt.Errorf("the keytab has no key for kvno %d of %s", kvno, service)
	}
	return nil, fmt.Errorf("the keytab has no key for kvno %d, and none for %s", kvno, service)
}

var errPanic = errors.New("malformed input")

// recovered runs f and returns a panic as an error. gokrb5 panics on some malformed input.
func recovered(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errPanic, p)
		}
	}()
	return f()
}
