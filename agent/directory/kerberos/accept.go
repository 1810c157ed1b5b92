package kerberos

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/flags"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"ideco-agent/agent"
)

// maxSkew is how much the clocks of a client and the gateway may differ.
const maxSkew = 5 * time.Minute

// Request is an AP-REQ from a token. Parse has read it, but nothing in it is verified yet.
type Request struct {
	message messages.APReq
	service string
}

// Realm is the realm that issued the ticket.
func (r *Request) Realm() string { return r.message.Ticket.Realm }

// Parse reads a token of at most MaxToken bytes: SPNEGO, a Kerberos token of GSS-API, or a bare AP-REQ. Refusals: CodeSSONTLM,
// CodeSSORefused.
func Parse(token []byte) (*Request, error) {
	message, err := unwrap(token)
	if err != nil {
		return nil, err
	}
	r := &Request{}
	if err := recovered(func() error { return r.message.Unmarshal(message) }); err != nil {
		return nil, refuse(fmt.Errorf("AP-REQ: %w", err))
	}
	sname := r.message.Ticket.SName.NameString
	if len(sname) == 0 || len(sname) > 4 || sname[0] == "krbtgt" {
		return nil, refuse(errors.New("AP-REQ: the ticket is not for a service"))
	}
	r.service = agent.Clean(strings.Join(sname, "/"), agent.MaxLoginTyped)
	if types.IsFlagSet(&r.message.APOptions, flags.APOptionUseSessionKey) {
		return nil, refuse(errors.New("AP-REQ: user-to-user authentication is not supported"))
	}
	return r, nil
}

// Acceptor verifies requests. It accepts each of them once.
type Acceptor struct {
	started time.Time
	now     func() time.Time
	seen    *replays
}

// NewAcceptor makes an Acceptor. It refuses requests that clients made before this call, because a former Acceptor may have accepted
// them.
func NewAcceptor() *Acceptor { return newAcceptor(time.Now) }

func newAcceptor(now func() time.Time) *Acceptor {
	return &Acceptor{started: now(), now: now, seen: newReplays(maxReplays, maxReplaysOfClient)}
}

// Accept verifies a request with the keys of a keytab and returns the name of the client, without the realm, which is that of the keytab.
// It does not decode the authorization data (PAC) in the ticket. Refusals: CodeSSOClock, CodeSSOStale, CodeTooManyAttempts, CodeSSORefused.
func (a *Acceptor) Accept(r *Request, k *Keytab) (client string, err error) {
	ticket, err := r.openTicket(k)
	if err != nil {
		return "", refuse(err)
	}
	auth, err := r.openAuthenticator(ticket)
	if err != nil {
		return "", refuse(fmt.Errorf("authenticator: %w", err))
	}
	client, err = clientName(ticket, auth, k.realm)
	if err != nil {
		return "", refuse(err)
	}
	if err := a.checkTimes(ticket, auth); err != nil {
		return "", err
	}
	return client, a.seen.add(client, r.message.EncryptedAuthenticator.Cipher, madeAt(auth).Add(maxSkew), a.now())
}

// openTicket decrypts the ticket. It tries the keys for the ticket's service, kvno and encryption type.
func (r *Request) openTicket(k *Keytab) (messages.EncTicketPart, error) {
	part := r.message.Ticket.EncPart
	keys, err := k.keysFor(r.service, part.KVNO, part.EType)
	if err != nil {
		return messages.EncTicketPart{}, err
	}
	for _, one := range keys {
		ticket := r.message.Ticket // a copy, because Decrypt changes it
		err = recovered(func() error { return ticket.Decrypt(one.EncryptionKey) })
		if err == nil {
			return ticket.DecryptedEncPart, nil
		}
	}
	return messages.EncTicketPart{}, fmt.Errorf("the ticket for %s with kvno %d does not fit the key in the keytab: %w", r.service, part.KVNO, err)
}

// openAuthenticator decrypts the authenticator with the session key from the ticket.
func (r *Request) openAuthenticator(ticket messages.EncTicketPart) (auth types.Authenticator, err error) {
	if strong[ticket.Key.KeyType] == "" {
		return auth, fmt.Errorf("the session key is of the type %s, which is not accepted", etypeName(ticket.Key.KeyType))
	}
	err = recovered(func() error {
		plain, err := crypto.DecryptEncPart(r.message.EncryptedAuthenticator, ticket.Key, keyusage.AP_REQ_AUTHENTICATOR)
		if err != nil {
			return err
		}
		return auth.Unmarshal(plain)
	})
	return auth, err
}

// clientName returns the name of the client. The client must be of the keytab's realm, and the name must have one part, as those of people
// do.
func clientName(ticket messages.EncTicketPart, auth types.Authenticator, realm string) (string, error) {
	names := ticket.CName.NameString
	switch {
	case !auth.CName.Equal(ticket.CName) || auth.CRealm != ticket.CRealm:
		return "", errors.New("ticket and authenticator have different clients")
	case !strings.EqualFold(ticket.CRealm, realm):
		return "", fmt.Errorf("the client is of the realm %q", agent.Clean(ticket.CRealm, agent.MaxLoginTyped))
	case len(names) != 1 || names[0] == "" || len(names[0]) > agent.MaxLoginTyped:
		return "", fmt.Errorf("the client %q is not a person: the name must have one part", agent.Clean(ticket.CName.PrincipalNameString(), agent.MaxLoginTyped))
	}
	return names[0], nil
}

// madeAt returns when the client made the authenticator, by the client's clock.
func madeAt(auth types.Authenticator) time.Time {
	return auth.CTime.Add(time.Duration(auth.Cusec) * time.Microsecond)
}

// checkTimes checks the times of the ticket and the authenticator. Refusals: CodeSSOClock, CodeSSOStale, CodeSSORefused.
func (a *Acceptor) checkTimes(ticket messages.EncTicketPart, auth types.Authenticator) error {
	now, made := a.now(), madeAt(auth)
	switch {
	case auth.Cusec < 0 || auth.Cusec >= 1e6:
		return refuse(errors.New("authenticator: microseconds out of range"))
	case now.Sub(made).Abs() > maxSkew:
		return &agent.Error{Code: agent.CodeSSOClock, Err: fmt.Errorf("the client's clock is off by %v", made.Sub(now).Round(time.Second))}
	case ticket.StartTime.Sub(now) > maxSkew || types.IsFlagSet(&ticket.Flags, flags.Invalid):
		return &agent.Error{Code: agent.CodeSSOClock, Err: errors.New("the ticket is not valid yet")}
	case now.Sub(ticket.EndTime) > maxSkew:
		return refuse(errors.New("the ticket has expired"))
	case made.Before(a.started):
		return &agent.Error{Code: agent.CodeSSOStale, Err: errors.New("the request is from before the gateway started")}
	}
	return nil
}
