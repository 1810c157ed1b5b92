// Package mint makes keytabs, and tokens as a Kerberos client would send them, without a KDC. Only tests may import it.
package mint

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/asnAppTag"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/iana/flags"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// Key is a key of a keytab, derived from a password.
type Key struct {
	Principal string // without realm
	Realm     string
	KVNO      uint8
	Type      int32 // 0 = AES256-SHA1
	Password  string
}

// Keytab makes a keytab file.
func Keytab(tb testing.TB, keys ...Key) []byte {
	tb.Helper()
	kt := keytab.New()
	for i, k := range keys {
		if k.Type == 0 {
			k.Type = etypeID.AES256_CTS_HMAC_SHA1_96
		}
		if err := kt.AddEntry(k.Principal, k.Realm, k.Password, time.Unix(int64(1700000000+i), 0), k.KVNO, k.Type); err != nil {
			tb.Fatal(err)
		}
	}
	file, err := kt.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return file
}

// Ticket says what is in a token. Zero fields are those of a good ticket that is used now.
type Ticket struct {
	Keytab  []byte // the ticket is encrypted with a key of it
	Service string // HTTP/portal.example.test
	Realm   string // of the service
	KVNO    int    // 0 = the newest key; the ticket does not name it then
	Type    int32  // 0 = AES256-SHA1

	Client      string    // its parts separated by "/"
	ClientRealm string    // empty = Realm
	Session     int32     // type of the session key; 0 = AES256-SHA1
	Starts, End time.Time // zero = an hour ago, in an hour
	Made        time.Time // of the authenticator; zero = now
	Size        int       // bytes of authorization data, as of a person in many groups
	Impostor    string    // client in the authenticator; empty = Client
	Invalid     bool      // has the flag INVALID
	UserToUser  bool      // has the option USE-SESSION-KEY
}

// Identifiers of mechanisms.
var (
	SPNEGO     = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 2}
	Kerberos   = asn1.ObjectIdentifier{1, 2, 840, 113554, 1, 2, 2}
	MSKerberos = asn1.ObjectIdentifier{1, 2, 840, 48018, 1, 2, 2}
	NTLM       = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 2, 2, 10}
)

// APReq makes a bare AP-REQ.
func APReq(tb testing.TB, t Ticket) []byte {
	tb.Helper()
	now := time.Now().UTC()
	or := func(at, otherwise time.Time) time.Time {
		if at.IsZero() {
			return otherwise
		}
		return at.UTC()
	}
	if t.Type == 0 {
		t.Type = etypeID.AES256_CTS_HMAC_SHA1_96
	}
	if t.Session == 0 {
		t.Session = etypeID.AES256_CTS_HMAC_SHA1_96
	}
	if t.ClientRealm == "" {
		t.ClientRealm = t.Realm
	}
	if t.Impostor == "" {
		t.Impostor = t.Client
	}
	ticket, session := ticketOf(tb, t, or(t.Starts, now.Add(-time.Hour)), or(t.End, now.Add(time.Hour)))
	made := or(t.Made, now)
	proof := types.Authenticator{AVNO: 5, CRealm: t.ClientRealm, CName: name(t.Impostor), CTime: made,
		Cusec: made.Nanosecond() / 1000, Cksum: types.Checksum{CksumType: 32771, Checksum: make([]byte, 24)}}
	request, err := messages.NewAPReq(ticket, session, proof)
	if err != nil {
		tb.Fatal(err)
	}
	if t.UserToUser {
		types.SetFlag(&request.APOptions, flags.APOptionUseSessionKey)
	}
	raw, err := request.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

func name(text string) types.PrincipalName {
	return types.NewPrincipalName(nametype.KRB_NT_PRINCIPAL, text)
}

func ticketOf(tb testing.TB, t Ticket, starts, end time.Time) (messages.Ticket, types.EncryptionKey) {
	tb.Helper()
	var kt keytab.Keytab
	if err := kt.Unmarshal(t.Keytab); err != nil {
		tb.Fatal(err)
	}
	key, _, err := kt.GetEncryptionKey(name(t.Service), t.Realm, t.KVNO, t.Type)
	if err != nil {
		tb.Fatal(err)
	}
	etype, err := crypto.GetEtype(t.Session)
	if err != nil {
		tb.Fatal(err)
	}
	session, err := types.GenerateEncryptionKey(etype)
	if err != nil {
		tb.Fatal(err)
	}
	part := messages.EncTicketPart{Flags: types.NewKrbFlags(), Key: session, CRealm: t.ClientRealm, CName: name(t.Client),
		AuthTime: starts, StartTime: starts, EndTime: end, RenewTill: end}
	if t.Invalid {
		types.SetFlag(&part.Flags, flags.Invalid)
	}
	if t.Size > 0 {
		pac := make([]byte, t.Size)
		_, _ = rand.Read(pac)
		part.AuthorizationData = types.AuthorizationData{{ADType: 1, ADData: pac}}
	}
	plain, err := asn1.Marshal(part)
	if err != nil {
		tb.Fatal(err)
	}
	sealed, err := crypto.GetEncryptedData(asn1tools.AddASNAppTag(plain, asnAppTag.EncTicketPart), key, keyusage.KDC_REP_TICKET, t.KVNO)
	if err != nil {
		tb.Fatal(err)
	}
	return messages.Ticket{TktVNO: 5, Realm: t.Realm, SName: name(t.Service), EncPart: sealed}, session
}

// GSS wraps an AP-REQ as a token of GSS-API.
func GSS(tb testing.TB, mechanism asn1.ObjectIdentifier, request []byte) []byte {
	tb.Helper()
	return initial(tb, mechanism, append([]byte{1, 0}, request...))
}

// Init wraps the token of the first mechanism in a NegTokenInit.
func Init(tb testing.TB, message []byte, mechanisms ...asn1.ObjectIdentifier) []byte {
	tb.Helper()
	body, err := asn1.Marshal(struct {
		Types   []asn1.ObjectIdentifier `asn1:"explicit,tag:0"`
		Message []byte                  `asn1:"explicit,optional,omitempty,tag:2"`
	}{mechanisms, message})
	if err != nil {
		tb.Fatal(err)
	}
	choice, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: body})
	if err != nil {
		tb.Fatal(err)
	}
	return initial(tb, SPNEGO, choice)
}

func initial(tb testing.TB, mechanism asn1.ObjectIdentifier, rest []byte) []byte {
	tb.Helper()
	id, err := asn1.Marshal(mechanism)
	if err != nil {
		tb.Fatal(err)
	}
	return asn1tools.AddASNAppTag(append(id, rest...), 0)
}

// Token makes a token as Windows sends it.
func Token(tb testing.TB, t Ticket) []byte {
	tb.Helper()
	return Init(tb, GSS(tb, Kerberos, APReq(tb, t)), MSKerberos, Kerberos, NTLM)
}

// NTLMToken is a first message of NTLM.
var NTLMToken = append([]byte("NTLMSSP\x00\x01\x00\x00\x00"), make([]byte, 20)...)

// Password is a random password for a Key.
func Password() string { return strings.ToLower(rand.Text()) }
