package kerberos

import (
	"testing"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"ideco-agent/agent"
	"ideco-agent/agent/directory/kerberos/mint"
)

// FuzzSPNEGO: unwrap never panics, and returns a part of the token.
func FuzzSPNEGO(f *testing.F) {
	file := testKeytab(f)
	request := mint.APReq(f, mint.Ticket{Keytab: file, Service: service, Realm: realm, Client: "alice"})
	for _, token := range [][]byte{request, mint.GSS(f, mint.Kerberos, request), mint.Init(f, mint.GSS(f, mint.MSKerberos, request), mint.MSKerberos),
		mint.Init(f, nil, mint.Kerberos), mint.NTLMToken, mint.Init(f, mint.NTLMToken, mint.NTLM), {0xa1, 0x07, 0x30, 0x05, 0xa0, 0x03, 0x0a, 0x01, 0x01}} {
		f.Add(token)
	}
	f.Fuzz(func(t *testing.T, token []byte) {
		request, err := unwrap(token)
		if code := agent.AsError(err).Code; err != nil && code != agent.CodeSSONTLM && code != agent.CodeSSORefused {
			t.Error(err)
		}
		if len(request) > len(token) || err == nil && isNTLM(request) {
			t.Errorf("%d of %d bytes", len(request), len(token))
		}
	})
}

// FuzzAPReq: an AP-REQ that was not made with the session key is refused, and nothing panics, neither by the message nor by what it
// has encrypted.
func FuzzAPReq(f *testing.F) {
	file := testKeytab(f)
	k, err := ParseKeytab(file)
	if err != nil {
		f.Fatal(err)
	}
	request := mint.APReq(f, mint.Ticket{Keytab: file, Service: service, Realm: realm, Client: "alice", KVNO: 4})
	good, err := Parse(request)
	if err != nil {
		f.Fatal(err)
	}
	part, err := crypto.DecryptEncPart(good.message.Ticket.EncPart, k.keys[1].EncryptionKey, keyusage.KDC_REP_TICKET)
	if err != nil {
		f.Fatal(err)
	}
	ticket, err := good.openTicket(k)
	if err != nil {
		f.Fatal(err)
	}
	proof, err := crypto.DecryptEncPart(good.message.EncryptedAuthenticator, ticket.Key, keyusage.AP_REQ_AUTHENTICATOR)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(request, part, proof)
	f.Fuzz(func(t *testing.T, request, part, proof []byte) {
		if r, err := Parse(request); err == nil {
			if client, err := NewAcceptor().Accept(r, k); err == nil {
				t.Errorf("%q was accepted after the gateway started later", client)
			}
		}
		// What KDC and client encrypt.
		var ticket messages.EncTicketPart
		var authenticator types.Authenticator
		if recovered(func() error { return ticket.Unmarshal(part) }) != nil ||
			recovered(func() error { return authenticator.Unmarshal(proof) }) != nil {
			return
		}
		client, err := clientName(ticket, authenticator, k.realm)
		if err == nil && (client == "" || len(client) > agent.MaxLoginTyped) {
			t.Errorf("accepted %q", client)
		}
		_ = NewAcceptor().checkTimes(ticket, authenticator)
	})
}

// FuzzKeytab: ParseKeytab never panics, and what it accepts can be shown and used.
func FuzzKeytab(f *testing.F) {
	f.Add(testKeytab(f))
	f.Add([]byte{5, 2})
	f.Add([]byte{5, 1, 0, 0, 0, 4, 1, 2, 3, 4})
	f.Add([]byte{5, 2, 0x80, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{5, 2, 0x7f, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, file []byte) {
		k, err := ParseKeytab(file)
		if err != nil {
			return
		}
		if list := k.Keys(); len(list) == 0 || len(list) > maxKeys {
			t.Errorf("%d keys", len(list))
		}
		for etype := range strong {
			if keys, err := k.keysFor(service, 1, etype); err == nil && len(keys) > maxTried {
				t.Errorf("%d keys are tried", len(keys))
			}
		}
	})
}
