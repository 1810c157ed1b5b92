package kerberos

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/iana/patype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/jcmturner/gofork/encoding/asn1"

	"ideco-agent/agent"
)

// fakeDC answers each request with the next answer, and closes the connection when there is none.
type fakeDC struct {
	mu       sync.Mutex
	closed   map[int]bool // ports
	answers  [][]byte
	requests [][]byte
}

func (f *fakeDC) dial(_ context.Context, port int) (net.Conn, error) {
	if f.closed[port] {
		return nil, errors.New("refused")
	}
	ours, theirs := net.Pipe()
	go func() {
		defer theirs.Close()
		var size [4]byte
		if _, err := io.ReadFull(theirs, size[:]); err != nil {
			return
		}
		b := make([]byte, binary.BigEndian.Uint32(size[:]))
		if _, err := io.ReadFull(theirs, b); err != nil {
			return
		}
		f.mu.Lock()
		f.requests = append(f.requests, b)
		var answer []byte
		if len(f.answers) > 0 {
			answer, f.answers = f.answers[0], f.answers[1:]
		}
		f.mu.Unlock()
		_, _ = theirs.Write(answer)
	}()
	return ours, nil
}

func framed(b []byte) []byte { return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...) }

// refusalOf is an answer of the KDC.
func refusalOf(t testing.TB, code int32, data []byte) []byte {
	e := messages.NewKRBError(types.PrincipalName{NameType: nametype.KRB_NT_PRINCIPAL, NameString: []string{"kadmin", "changepw"}}, "EXAMPLE.TEST", code, "")
	e.EData = data
	b, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return framed(b)
}

// wants is the answer that asks for pre-authentication.
func wants(t testing.TB, entries ...types.ETypeInfo2Entry) []byte {
	info, err := asn1.Marshal(types.ETypeInfo2(entries))
	if err != nil {
		t.Fatal(err)
	}
	data, err := asn1.Marshal(types.PADataSequence{{PADataType: patype.PA_ETYPE_INFO2, PADataValue: info}})
	if err != nil {
		t.Fatal(err)
	}
	return refusalOf(t, errorcode.KDC_ERR_PREAUTH_REQUIRED, data)
}

var aesEntry = types.ETypeInfo2Entry{EType: etypeID.AES256_CTS_HMAC_SHA1_96, Salt: "EXAMPLE.TESTalice"}

func (f *fakeDC) change(t testing.TB) *ChangeError {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := PasswordChange{Realm: "EXAMPLE.TEST", Login: "alice", Password: "old", NewPassword: "new", Dial: f.dial}.Change(ctx)
	var failed *ChangeError
	if !errors.As(err, &failed) {
		t.Fatalf("%v", err)
	}
	return failed
}

// TestOutcomes: the old password is sent at most once, and the outcome says whether it was compared.
func TestOutcomes(t *testing.T) {
	preauth := wants(t, aesEntry)
	slow := aesEntry
	slow.S2KParams = []byte{0x7f, 0, 0, 0}
	endless := aesEntry
	endless.S2KParams = []byte{0, 0, 0, 0} // 2^32
	quick := aesEntry
	quick.S2KParams = []byte{0, 0, 0, 1}
	for what, test := range map[string]struct {
		closed  []int
		answers [][]byte
		want    Outcome
		sent    int // requests
	}{
		"no KDC":             {[]int{PortKDC}, nil, OutcomeOther, 0},
		"no kpasswd":         {[]int{PortKPasswd}, nil, OutcomeOther, 0},
		"silent":             {nil, nil, OutcomeOther, 1},
		"locked":             {nil, [][]byte{refusalOf(t, errorcode.KDC_ERR_CLIENT_REVOKED, nil)}, OutcomeRevoked, 1},
		"no such service":    {nil, [][]byte{refusalOf(t, errorcode.KDC_ERR_S_PRINCIPAL_UNKNOWN, nil)}, OutcomeOther, 1},
		"failed at once":     {nil, [][]byte{refusalOf(t, errorcode.KDC_ERR_PREAUTH_FAILED, nil)}, OutcomeWrong, 1},
		"RC4 only":           {nil, [][]byte{wants(t, types.ETypeInfo2Entry{EType: etypeID.RC4_HMAC})}, OutcomeOther, 1},
		"RC4 before AES":     {nil, [][]byte{wants(t, types.ETypeInfo2Entry{EType: etypeID.RC4_HMAC}, aesEntry), refusalOf(t, errorcode.KDC_ERR_PREAUTH_FAILED, nil)}, OutcomeWrong, 2},
		"2^31 iterations":    {nil, [][]byte{wants(t, slow)}, OutcomeOther, 1},
		"one iteration":      {nil, [][]byte{wants(t, quick)}, OutcomeOther, 1},
		"2^32 iterations":    {nil, [][]byte{wants(t, endless)}, OutcomeOther, 1},
		"wrong":              {nil, [][]byte{preauth, refusalOf(t, errorcode.KDC_ERR_PREAUTH_FAILED, nil), preauth, preauth}, OutcomeWrong, 2},
		"asked again":        {nil, [][]byte{preauth, preauth, preauth}, OutcomeUnknown, 2},
		"wrong clock":        {nil, [][]byte{preauth, refusalOf(t, errorcode.KRB_AP_ERR_SKEW, nil)}, OutcomeOther, 2},
		"silent afterwards":  {nil, [][]byte{preauth}, OutcomeUnknown, 2},
		"another error":      {nil, [][]byte{preauth, refusalOf(t, errorcode.KRB_ERR_GENERIC, nil)}, OutcomeUnknown, 2},
		"garbage":            {nil, [][]byte{framed([]byte("garbage"))}, OutcomeOther, 1},
		"garbage afterwards": {nil, [][]byte{preauth, framed([]byte("garbage"))}, OutcomeUnknown, 2},
		"4 GiB announced":    {nil, [][]byte{{0xff, 0xff, 0xff, 0xff, 0}}, OutcomeOther, 1},
		"no data":            {nil, [][]byte{refusalOf(t, errorcode.KDC_ERR_PREAUTH_REQUIRED, nil)}, OutcomeOther, 1},
	} {
		f := &fakeDC{closed: map[int]bool{}, answers: test.answers}
		for _, port := range test.closed {
			f.closed[port] = true
		}
		if failed := f.change(t); failed.Outcome != test.want || len(f.requests) != test.sent {
			t.Errorf("%s: outcome %d after %d requests, want %d after %d: %v", what, failed.Outcome, len(f.requests), test.want, test.sent, failed)
		}
	}
}

// TestResultError: results of RFC 3244, with the text of Active Directory and of Samba.
func TestResultError(t *testing.T) {
	policy := make([]byte, 30)
	binary.BigEndian.PutUint32(policy[2:], 7)
	binary.BigEndian.PutUint32(policy[6:], 24)
	binary.BigEndian.PutUint32(policy[10:], 1)
	binary.BigEndian.PutUint64(policy[14:], 42*24*3600*1e7)
	binary.BigEndian.PutUint64(policy[22:], 24*3600*1e7)
	if err := resultError(resultSuccess, nil); err != nil {
		t.Error(err)
	}
	want := agent.PasswordPolicy{MinLength: 7, History: 24, MinAge: 24 * time.Hour, Complex: true}
	for what, test := range map[string]struct {
		result uint16
		text   []byte
		want   Outcome
		policy *agent.PasswordPolicy
	}{
		"Active Directory":  {resultSoftError, policy, OutcomeRejected, &want},
		"Samba":             {resultSoftError, []byte("Password too short, password must be at least 7 characters long."), OutcomeRejected, nil},
		"cut":               {resultSoftError, policy[:29], OutcomeRejected, nil},
		"a text of 30":      {resultSoftError, []byte(strings.Repeat("x", 30)), OutcomeRejected, nil},
		"nothing":           {resultSoftError, nil, OutcomeRejected, nil},
		"forbidden":         {resultForbidden, nil, OutcomeForbidden, nil},
		"malformed":         {1, nil, OutcomeOther, nil},
		"an unknown result": {77, []byte{0xff, 0xfe}, OutcomeOther, nil},
	} {
		var failed *ChangeError
		if err := resultError(test.result, test.text); !errors.As(err, &failed) || failed.Outcome != test.want || (failed.Policy == nil) != (test.policy == nil) ||
			test.policy != nil && *failed.Policy != *test.policy {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := 22; i < 30; i++ {
		policy[i] = 0xff // -1 tick
	}
	if p := decodePolicy(policy); p.MinAge != 100 {
		t.Error(p.MinAge)
	}
	binary.BigEndian.PutUint64(policy[22:], 1<<63)
	if p := decodePolicy(policy); p.MinAge <= 0 {
		t.Error(p.MinAge)
	}
}

// FuzzReply: no answer of port 464 makes the process panic, nor counts as a success without the key.
func FuzzReply(f *testing.F) {
	for _, seed := range []string{"", "\x00\x06\x00\x01\x00\x00", "\x00\x08\x00\x01\x00\x00~\x00", "\x00\x08\x00\x01\x00\x02ox", "\x00\x06\x00\x01\xff\xff"} {
		f.Add([]byte(seed))
	}
	b := refusalOf(f, errorcode.KRB_AP_ERR_SKEW, []byte{0, 4, 'x'})[4:]
	f.Add(append(binary.BigEndian.AppendUint16(nil, uint16(6+len(b))), append([]byte{0, 1, 0, 0}, b...)...))
	etype, _ := crypto.GetEtype(etypeID.AES256_CTS_HMAC_SHA1_96)
	key := types.EncryptionKey{KeyType: etypeID.AES256_CTS_HMAC_SHA1_96, KeyValue: make([]byte, etype.GetKeyByteSize())}
	f.Fuzz(func(t *testing.T, b []byte) {
		var err error
		func() {
			defer func() {
				if r := recover(); r != nil { // as in Change
					err = errReply
				}
			}()
			var result uint16
			if result, _, err = readReply(b, key); err == nil && result == resultSuccess {
				t.Errorf("%x is a success", b)
			}
		}()
	})
}

// FuzzKDC: no answer of port 88 makes the process panic.
func FuzzKDC(f *testing.F) {
	f.Add(refusalOf(f, errorcode.KDC_ERR_PREAUTH_REQUIRED, []byte{0x30, 0})[4:])
	f.Add(wants(f, aesEntry)[4:])
	f.Add([]byte{0x6b, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		if failed := (&fakeDC{answers: [][]byte{framed(b)}}).change(t); failed.Outcome == OutcomeRejected {
			t.Errorf("%x: %v", b, failed)
		}
	})
}
