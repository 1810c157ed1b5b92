package kerberos

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/etypeID"

	"ideco-agent/agent"
	"ideco-agent/agent/directory/kerberos/mint"
)

const (
	realm   = "EXAMPLE.TEST"
	service = "HTTP/portal.example.test"
)

func testKeytab(tb testing.TB) []byte {
	return mint.Keytab(tb, mint.Key{Principal: service, Realm: realm, KVNO: 3, Password: "old"}, mint.Key{Principal: service, Realm: realm, KVNO: 4, Password: "new"})
}

func parsed(tb testing.TB, file []byte) *Keytab {
	tb.Helper()
	k, err := ParseKeytab(file)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

// accept parses and verifies a token.
func accept(a *Acceptor, k *Keytab, token []byte) (string, error) {
	r, err := Parse(token)
	if err != nil {
		return "", err
	}
	return a.Accept(r, k)
}

func wantCode(tb testing.TB, err error, code agent.Code, cause string) {
	tb.Helper()
	var refusal *agent.Error
	if !errors.As(err, &refusal) || refusal.Code != code || refusal.Err == nil || !strings.Contains(refusal.Err.Error(), cause) {
		tb.Errorf("got %v, want %s with %q", err, code, cause)
	}
}

// acceptorFrom has started in the past.
func acceptorFrom(ago time.Duration) *Acceptor {
	a := NewAcceptor()
	a.started = a.started.Add(-ago)
	return a
}

// TestFormsOfTokens: SPNEGO with either identifier of Kerberos, GSS-API alone and a bare AP-REQ are accepted.
func TestFormsOfTokens(t *testing.T) {
	file := testKeytab(t)
	k, a := parsed(t, file), acceptorFrom(time.Hour)
	request := func() []byte {
		return mint.APReq(t, mint.Ticket{Keytab: file, Service: service, Realm: realm, KVNO: 4, Client: "alice"})
	}
	for name, token := range map[string][]byte{
		"SPNEGO of Windows":       mint.Init(t, mint.GSS(t, mint.Kerberos, request()), mint.MSKerberos, mint.Kerberos, mint.NTLM),
		"SPNEGO, Microsoft's OID": mint.Init(t, mint.GSS(t, mint.MSKerberos, request()), mint.MSKerberos),
		"SPNEGO, AP-REQ":          mint.Init(t, request(), mint.Kerberos),
		"GSS-API":                 mint.GSS(t, mint.Kerberos, request()),
		"AP-REQ":                  request(),
	} {
		if client, err := accept(a, k, token); err != nil || client != "alice" {
			t.Errorf("%s: %q, %v", name, client, err)
		}
	}
	for name, token := range map[string][]byte{
		"NTLM":                             mint.NTLMToken,
		"NTLM in SPNEGO":                   mint.Init(t, mint.NTLMToken, mint.NTLM),
		"NTLM in SPNEGO, Kerberos offered": mint.Init(t, mint.NTLMToken, mint.NTLM, mint.Kerberos),
		"NEGOEX":                           mint.Init(t, append([]byte("NEGOEXTS"), make([]byte, 40)...), mint.NTLM),
	} {
		_, err := Parse(token)
		if agent.AsError(err).Code != agent.CodeSSONTLM {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, token := range map[string][]byte{
		"nothing":        nil,
		"text":           []byte("alice:password"),
		"no mechToken":   mint.Init(t, nil, mint.Kerberos),
		"another OID":    mint.GSS(t, mint.SPNEGO, request()),
		"AP-REP":         append(mint.GSS(t, mint.Kerberos, request())[:15:15], 2, 0),
		"over the limit": append(request(), make([]byte, MaxToken)...),
		"user-to-user":   mint.APReq(t, mint.Ticket{Keytab: file, Service: service, Realm: realm, Client: "alice", UserToUser: true}),
	} {
		if _, err := Parse(token); agent.AsError(err).Code != agent.CodeSSORefused {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAccept: each wrong ticket is refused with its code and cause.
func TestAccept(t *testing.T) {
	file := testKeytab(t)
	other := mint.Keytab(t, mint.Key{Principal: service, Realm: realm, KVNO: 4, Password: "not the gateway's"})
	next := mint.Keytab(t, mint.Key{Principal: service, Realm: realm, KVNO: 5, Password: "newer"})
	small := mint.Keytab(t, mint.Key{Principal: service, Realm: realm, KVNO: 4, Password: "new", Type: etypeID.AES128_CTS_HMAC_SHA1_96})
	rc4 := mint.Keytab(t, mint.Key{Principal: service, Realm: realm, KVNO: 4, Password: "new", Type: etypeID.RC4_HMAC})
	now := time.Now()
	good := mint.Ticket{Keytab: file, Service: service, Realm: realm, KVNO: 4, Client: "alice"}
	with := func(change func(*mint.Ticket)) mint.Ticket {
		one := good
		change(&one)
		return one
	}
	for name, c := range map[string]struct {
		ticket mint.Ticket
		code   agent.Code // empty = accepted
		cause  string
	}{
		"newest key":             {good, "", ""},
		"former key":             {with(func(m *mint.Ticket) { m.KVNO = 3 }), "", ""},
		"no kvno in the ticket":  {with(func(m *mint.Ticket) { m.KVNO = 0 }), "", ""},
		"clock off by 4 minutes": {with(func(m *mint.Ticket) { m.Made = now.Add(4 * time.Minute) }), "", ""},
		"clock fast":             {with(func(m *mint.Ticket) { m.Made = now.Add(6 * time.Minute) }), agent.CodeSSOClock, "clock is off by 6m"},
		"clock slow":             {with(func(m *mint.Ticket) { m.Made = now.Add(-6 * time.Minute) }), agent.CodeSSOClock, "clock is off by -6m"},
		"ticket of the future":   {with(func(m *mint.Ticket) { m.Starts = now.Add(6 * time.Minute) }), agent.CodeSSOClock, "not valid yet"},
		"ticket not validated":   {with(func(m *mint.Ticket) { m.Invalid = true }), agent.CodeSSOClock, "not valid yet"},
		"expired ticket":         {with(func(m *mint.Ticket) { m.End = now.Add(-6 * time.Minute) }), agent.CodeSSORefused, "expired"},
		"another realm":          {with(func(m *mint.Ticket) { m.ClientRealm = "OTHER.TEST" }), agent.CodeSSORefused, `realm "OTHER.TEST"`},
		"a computer's service":   {with(func(m *mint.Ticket) { m.Client = "host/pc.example.test" }), agent.CodeSSORefused, "not a person"},
		"anonymous":              {with(func(m *mint.Ticket) { m.Client = "WELLKNOWN/ANONYMOUS" }), agent.CodeSSORefused, "not a person"},
		"another's ticket":       {with(func(m *mint.Ticket) { m.Impostor = "bob" }), agent.CodeSSORefused, "different clients"},
		"another key":            {with(func(m *mint.Ticket) { m.Keytab = other }), agent.CodeSSORefused, "does not fit the key"},
		"kvno of a new password": {with(func(m *mint.Ticket) { m.Keytab, m.KVNO = next, 5 }), agent.CodeSSORefused, "no key for kvno 5"},
		"type without a key":     {with(func(m *mint.Ticket) { m.Keytab, m.Type = small, etypeID.AES128_CTS_HMAC_SHA1_96 }), agent.CodeSSORefused, "AES128-SHA1"},
		"RC4":                    {with(func(m *mint.Ticket) { m.Keytab, m.Type = rc4, etypeID.RC4_HMAC }), agent.CodeSSORefused, "RC4"},
		"RC4 session key":        {with(func(m *mint.Ticket) { m.Session = etypeID.RC4_HMAC }), agent.CodeSSORefused, "session key is of the type RC4"},
	} {
		client, err := accept(acceptorFrom(time.Hour), parsed(t, file), mint.Token(t, c.ticket))
		if c.code == "" {
			if err != nil || client != "alice" {
				t.Errorf("%s: %q, %v", name, client, err)
			}
			continue
		}
		t.Run(name, func(t *testing.T) { wantCode(t, err, c.code, c.cause) })
	}
}

// TestServiceNames: a service is found without regard to case, and a ticket for an alias of the account by the same key.
func TestServiceNames(t *testing.T) {
	const password = "one account"
	alias := mint.Keytab(t, mint.Key{Principal: "HTTP/gw.example.test", Realm: realm, KVNO: 1, Password: password})
	kt := parsed(t, alias)
	// Keys from a password depend on the principal, so the file is renamed and keeps its key.
	renamed := bytes.Replace(bytes.Clone(alias), []byte("HTTP"), []byte("http"), 1)
	renamed = bytes.Replace(renamed, []byte("gw.example.test"), []byte("GW.Example.Test"), 1)
	token := mint.Token(t, mint.Ticket{Keytab: renamed, Service: "http/GW.Example.Test", Realm: realm, KVNO: 1, Client: "alice"})
	if client, err := accept(acceptorFrom(time.Hour), kt, token); err != nil || client != "alice" {
		t.Errorf("case: %q, %v", client, err)
	}
	cname := bytes.Replace(bytes.Clone(alias), []byte("gw.example.test"), []byte("xy.example.test"), 1)
	token = mint.Token(t, mint.Ticket{Keytab: cname, Service: "HTTP/xy.example.test", Realm: realm, KVNO: 1, Client: "alice"})
	if client, err := accept(acceptorFrom(time.Hour), kt, token); err != nil || client != "alice" {
		t.Errorf("alias: %q, %v", client, err)
	}
}

// TestReplay: a request is accepted once, by all forms of its token. After a restart, requests from before are refused, and fresh
// ones with the same ticket are accepted.
func TestReplay(t *testing.T) {
	file := testKeytab(t)
	k := parsed(t, file)
	a := acceptorFrom(time.Hour)
	request := mint.APReq(t, mint.Ticket{Keytab: file, Service: service, Realm: realm, Client: "alice"})
	if _, err := accept(a, k, request); err != nil {
		t.Fatal(err)
	}
	_, err := accept(a, k, request)
	wantCode(t, err, agent.CodeSSORefused, "replay")
	_, err = accept(a, k, mint.Init(t, mint.GSS(t, mint.Kerberos, request), mint.Kerberos))
	wantCode(t, err, agent.CodeSSORefused, "replay")

	restarted := NewAcceptor()
	_, err = accept(restarted, k, request)
	wantCode(t, err, agent.CodeSSOStale, "before the gateway started")
	if _, err := accept(restarted, k, mint.APReq(t, mint.Ticket{Keytab: file, Service: service, Realm: realm, Client: "alice"})); err != nil {
		t.Errorf("a fresh request: %v", err)
	}
}

// TestReplayIsRemembered: a request of a fast clock is refused until its time is over.
func TestReplayIsRemembered(t *testing.T) {
	now := time.Now()
	a := newAcceptor(func() time.Time { return now })
	a.started = now.Add(-time.Hour)
	file := testKeytab(t)
	k := parsed(t, file)
	request := mint.APReq(t, mint.Ticket{Keytab: file, Service: service, Realm: realm, Client: "alice", Made: now.Add(4 * time.Minute), End: now.Add(time.Hour)})
	if _, err := accept(a, k, request); err != nil {
		t.Fatal(err)
	}
	now = now.Add(8*time.Minute + 50*time.Second)
	_, err := accept(a, k, request)
	wantCode(t, err, agent.CodeSSORefused, "replay")
	now = now.Add(20 * time.Second)
	_, err = accept(a, k, request)
	wantCode(t, err, agent.CodeSSOClock, "")
	if a.seen.sweep(now); a.seen.count != 0 || len(a.seen.clients) != 0 {
		t.Errorf("%d requests of %d clients are remembered", a.seen.count, len(a.seen.clients))
	}
}

// TestReplaysAreBounded: the limit of one client leaves room for the others. At the limit of all, new requests are refused until old ones
// are removed.
func TestReplaysAreBounded(t *testing.T) {
	now := time.Now()
	r := newReplays(6, 4)
	add := func(client string, n int) error {
		return r.add(client, fmt.Appendf(nil, "%s %d", client, n), now.Add(time.Minute), now)
	}
	for i := range 4 {
		if err := add("alice", i); err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, add("alice", 4), agent.CodeTooManyAttempts, "")
	wantCode(t, add("alice", 0), agent.CodeSSORefused, "replay")
	if err := errors.Join(add("bob", 0), add("bob", 1)); err != nil {
		t.Error(err)
	}
	wantCode(t, add("carol", 0), agent.CodeTooManyAttempts, "")
	now = now.Add(2 * time.Minute)
	if err := add("alice", 4); err != nil || r.count != 1 {
		t.Errorf("%v, %d remembered", err, r.count)
	}
}

// TestLargeToken: the ticket of a person in very many groups, as large as HTTP lets it be.
func TestLargeToken(t *testing.T) {
	file := testKeytab(t)
	token := mint.Token(t, mint.Ticket{Keytab: file, Service: service, Realm: realm, Client: "alice", Size: 64300})
	if len(token) < 64800 || len(token) > MaxToken {
		t.Fatalf("%d bytes", len(token))
	}
	if client, err := accept(acceptorFrom(time.Hour), parsed(t, file), token); err != nil || client != "alice" {
		t.Errorf("%q, %v", client, err)
	}
}

// TestParseKeytab: Keys describes the keys, and wrong files are refused.
func TestParseKeytab(t *testing.T) {
	file := mint.Keytab(t,
		mint.Key{Principal: service, Realm: realm, KVNO: 3, Password: "a"},
		mint.Key{Principal: service, Realm: realm, KVNO: 4, Password: "b", Type: etypeID.RC4_HMAC},
		mint.Key{Principal: "HTTP/gw.example.test", Realm: realm, KVNO: 4, Password: "b", Type: etypeID.AES128_CTS_HMAC_SHA1_96})
	k := parsed(t, file)
	want := []agent.KeytabKey{
		{Principal: service + "@" + realm, KVNO: 3, Type: "AES256-SHA1", Usable: true},
		{Principal: service + "@" + realm, KVNO: 4, Type: "RC4"},
		{Principal: "HTTP/gw.example.test@" + realm, KVNO: 4, Type: "AES128-SHA1", Usable: true}}
	if fmt.Sprint(k.Keys()) != fmt.Sprint(want) || k.Realm() != realm {
		t.Errorf("%v of %s", k.Keys(), k.Realm())
	}
	for name, c := range map[string]struct {
		file []byte
		code string
	}{
		"RC4 and DES only": {mint.Keytab(t, mint.Key{Principal: service, Realm: realm, KVNO: 1, Password: "a", Type: etypeID.RC4_HMAC}, mint.Key{Principal: service, Realm: realm, KVNO: 1, Password: "a", Type: etypeID.DES3_CBC_SHA1_KD}), "field_keytab_weak"},
		"two realms":       {mint.Keytab(t, mint.Key{Principal: service, Realm: realm, KVNO: 1, Password: "a"}, mint.Key{Principal: service, Realm: "OTHER.TEST", KVNO: 1, Password: "a"}), "field_keytab_realms"},
		"nothing":          {nil, "field_keytab"},
		"another file":     {[]byte("-----BEGIN CERTIFICATE-----"), "field_keytab"},
		"no keys":          {[]byte{5, 2}, "field_keytab"},
		"cut off":          {file[:len(file)-60], "field_keytab"},
		"too large":        {append(bytes.Clone(file), make([]byte, agent.MaxKeytab)...), "field_keytab_size"},
	} {
		var problem agent.Problem
		if _, err := ParseKeytab(c.file); !errors.As(err, &problem) || problem.Code != c.code || problem.Field != "keytab" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHostileLengths: a false length in the input causes no large allocation.
func TestHostileLengths(t *testing.T) {
	file := testKeytab(t)
	hostileKeytab := bytes.Clone(file)
	binary.BigEndian.PutUint32(hostileKeytab[2:], 1<<31-1)
	token := mint.Token(t, mint.Ticket{Keytab: file, Service: service, Realm: realm, Client: "alice"})
	var inputs [][]byte
	for i := range min(len(token)-4, 200) {
		hostile := bytes.Clone(token)
		copy(hostile[i:], []byte{0x84, 0x7f, 0xff, 0xff})
		inputs = append(inputs, hostile)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _ = ParseKeytab(hostileKeytab)
	for _, one := range inputs {
		_, _ = Parse(one)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
		t.Errorf("%d KiB", used>>10)
	}
}
