package client

import (
	"context"
	"encoding/base64"
	"errors"
	"net/netip"
	"strings"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/protocol"
)

// Tickets makes tokens from a person's Kerberos tickets. With them the person logs in without a password (SSO). Any goroutine may call
// its methods.
type Tickets interface {
	// Person returns the Kerberos name of the person, such as ivanov@COMPANY.RU; "" = the person has no ticket.
	Person() string
	// Token returns a new SPNEGO or Kerberos token for a service, such as HTTP/gw.company.ru. It may take as long as ctx
	// permits. The error is a *TicketProblem if the agent has a text about it for the person.
	Token(ctx context.Context, service string) ([]byte, error)
}

// TicketProblem is a problem with tickets about which the agent has a text for the person.
type TicketProblem struct {
	Key   string // of the text in locale; locale.SSONoService = the domain has no such service
	Value string // its {value}
	Err   error  // cause; may be nil
}

func (p *TicketProblem) Error() string {
	if p.Err != nil {
		return p.Key + ": " + p.Err.Error()
	}
	return p.Key
}

func (p *TicketProblem) Unwrap() error { return p.Err }

// temporary reports whether the agent may try again by itself.
func (p *TicketProblem) temporary() bool { return p.Key == locale.SSONoDomain }

const (
	ticketTimeout = 30 * time.Second // for making one token, under whichever name of the gateway
	ticketPause   = 30 * time.Second // before the next attempt after a temporary problem
	maxToken      = 65535            // bytes, the largest of Windows
	maxStale      = 2                // how often one login replaces a token that is refused with agent.CodeSSOStale
	maxDomains    = 20               // further domains that a gateway names are ignored
)

// domainsOf returns the domains in an update message whose tickets the gateway accepts.
func domainsOf(m *protocol.Update) (list []string) {
	for _, d := range m.SSO {
		if d = agent.Clean(d, maxAddress*4); d != "" && len(list) < maxDomains {
			list = append(list, d)
		}
	}
	return list
}

// OffersSSO reports whether the gateway accepts tickets of the person's domain. person is as from Tickets.Person, and may be empty.
func (s Status) OffersSSO(person string) bool {
	_, realm, ok := cutLast(person, "@")
	if !ok {
		return false
	}
	for _, d := range s.SSO {
		if strings.EqualFold(d, realm) {
			return true
		}
	}
	return false
}

// cutLast is strings.Cut at the last separator.
func cutLast(s, separator string) (before, after string, found bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}

// logInSSO logs in with tickets. A gateway that has just restarted refuses tokens that were made before its start as stale; then logInSSO
// tries again with a fresh token.
func (c *client) logInSSO(ctx context.Context, l *link) *failure {
	if len(c.status.SSO) == 0 {
		return c.ticketFailure(&TicketProblem{Key: locale.SSONotOffered})
	}
	for stale := 0; ; stale++ {
		f := c.authorizeSSO(ctx, l)
		if f == nil || f.code != string(agent.CodeSSOStale) || stale == maxStale {
			return f
		}
	}
}

// authorizeSSO asks the gateway for a challenge, and then for access with one token.
func (c *client) authorizeSSO(ctx context.Context, l *link) *failure {
	var challenge *protocol.SSOReply
	f := c.ask(ctx, l, c.ssoRequest(nil, nil), func(m any) (bool, *failure) {
		switch m := m.(type) {
		case *protocol.SSOReply:
			challenge = m
			return true, c.unknownStatus(m)
		case *protocol.AuthState:
			if !m.Authorized {
				return true, c.refusal(m.Code, m.Message, m.Timeout, nil)
			}
		}
		return false, nil
	})
	if f != nil {
		return f
	}
	token, err := c.token(ctx, c.ticketHosts())
	switch {
	case ctx.Err() != nil:
		return c.stoppedByUser()
	case err != nil:
		return c.ticketFailure(err)
	}
	return c.authorize(ctx, l, c.ssoRequest(token, challenge))
}

// unknownStatus returns a failure if the reply has a status that this agent does not know, otherwise nil.
func (c *client) unknownStatus(m *protocol.SSOReply) *failure {
	if m.Status == protocol.SSOChallenge {
		return nil
	}
	return c.failed(Refused, agent.CodeBadMessage, errors.New("sso with the status "+agent.Clean(m.Status, maxCode)))
}

// ssoRequest returns the request for a challenge or, with a challenge, the answer with the token.
func (c *client) ssoRequest(token []byte, challenge *protocol.SSOReply) protocol.SSORequest {
	m := protocol.SSORequest{Type: protocol.TypeSSO, Device: c.device()}
	if _, realm, ok := cutLast(c.cfg.Login, "@"); ok {
		m.Domain = realm
	}
	if challenge != nil {
		text := base64.StdEncoding.EncodeToString(token)
		m.Token, m.SessionToken = &text, &challenge.SessionToken
	}
	return m
}

// ticketHosts returns the gateway's names without IP addresses, beginning with the one that answered. After a change of the gateway's
// domain, the person's domain may know the service only under the former name.
func (c *client) ticketHosts() (names []string) {
	for _, host := range append([]string{c.host}, c.hosts()...) {
		if _, err := netip.ParseAddr(host); err != nil && !agent.Contains(names, host) {
			names = append(names, host)
		}
	}
	return names
}

// token returns a token for the service HTTP/<name of the gateway>. While the domain has no such service, it tries the next of the hosts;
// if there is none for any of them, the error is that of the first. It uses only its arguments and the configuration, so any goroutine
// may call it.
func (c *client) token(ctx context.Context, hosts []string) (token []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, ticketTimeout)
	defer cancel()
	err = &TicketProblem{Key: locale.SSONeedsName, Value: c.cfg.Host}
	for i, host := range hosts {
		made, problem := c.tokenFor(ctx, host)
		known := !isNoService(problem)
		if known || i == 0 {
			token, err = made, problem
		}
		if known {
			break
		}
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, &TicketProblem{Key: locale.SSONoDomain, Err: err}
	case err != nil:
		return nil, err
	case len(token) > maxToken:
		return nil, &TicketProblem{Key: locale.SSOTooLarge}
	}
	return token, nil
}

// tokenFor returns a token for the service HTTP/<host>. If the domain has no such service, it tries the canonical name of host in DNS, but
// only if the names are siblings, because no certificate proves the canonical name: whoever forges it could get a token for another
// server and use it there.
func (c *client) tokenFor(ctx context.Context, host string) ([]byte, error) {
	token, err := c.cfg.Tickets.Token(ctx, "HTTP/"+host)
	if !isNoService(err) {
		return token, err
	}
	name, lookupErr := c.cfg.LookupCNAME(ctx, host)
	if name = strings.TrimSuffix(strings.ToLower(name), "."); lookupErr != nil || name == host || !siblings(name, host) {
		return nil, err
	}
	return c.cfg.Tickets.Token(ctx, "HTTP/"+name)
}

// isNoService reports whether the person's domain has no such service.
func isNoService(err error) bool {
	var problem *TicketProblem
	return errors.As(err, &problem) && problem.Key == locale.SSONoService
}

// siblings reports whether two host names differ at most in the first label, and the rest is not just a top-level domain.
func siblings(a, b string) bool {
	_, ofA, _ := strings.Cut(a, ".")
	_, ofB, _ := strings.Cut(b, ".")
	return strings.EqualFold(ofA, ofB) && strings.Contains(ofA, ".")
}

// ticketFailure returns the failure of a login for which no token could be made.
func (c *client) ticketFailure(err error) *failure {
	f := c.failed(Refused, agent.CodeSSOUnavailable, err)
	var problem *TicketProblem
	if !errors.As(err, &problem) {
		problem = &TicketProblem{Key: locale.SSOFailed, Value: err.Error()}
	}
	if text := locale.Text(c.cfg.Lang, problem.Key, "server", c.cfg.Host, "value", agent.Clean(problem.Value, maxMessage)); text != "" {
		f.message = text
	}
	if problem.temporary() {
		f.retryAfter = ticketPause
	}
	return f
}

// ssoExtension extends the session of one connection with tickets. The token is made in a separate goroutine, because that may take long.
type ssoExtension struct {
	c         *client
	l         *link
	ctx       context.Context
	cancel    context.CancelFunc
	tokens    chan ticketResult // holds one
	challenge *protocol.SSOReply
	stale     int // how many tokens of this extension were refused as stale
}

type ticketResult struct {
	token []byte
	err   error
}

func newSSOExtension(ctx context.Context, c *client, l *link) *ssoExtension {
	e := &ssoExtension{c: c, l: l, tokens: make(chan ticketResult, 1)}
	e.ctx, e.cancel = context.WithCancel(ctx)
	return e
}

// begin asks the gateway for a challenge.
func (e *ssoExtension) begin() {
	e.challenge = nil
	if err := e.l.send(e.c.ssoRequest(nil, nil)); err != nil {
		e.c.cfg.Log(err.Error())
		return
	}
	e.c.extending = true
}

// challenged handles the challenge: it starts to make the token.
func (e *ssoExtension) challenged(m *protocol.SSOReply) {
	if !e.c.extending || e.challenge != nil {
		return
	}
	if f := e.c.unknownStatus(m); f != nil {
		e.c.extensionFailed(f)
		return
	}
	e.challenge = m
	hosts := e.c.ticketHosts()
	go func() {
		token, err := e.c.token(e.ctx, hosts)
		e.tokens <- ticketResult{token, err}
	}()
}

// answer sends the token to the gateway.
func (e *ssoExtension) answer(r ticketResult) {
	if r.err != nil {
		e.c.extensionFailed(e.c.ticketFailure(r.err))
		return
	}
	if err := e.l.send(e.c.ssoRequest(r.token, e.challenge)); err != nil {
		e.c.cfg.Log(err.Error())
	}
}

// retries asks for a new challenge if the gateway refused the token as stale, and reports whether it did.
func (e *ssoExtension) retries(code string) bool {
	if e.challenge == nil || code != string(agent.CodeSSOStale) || e.stale == maxStale {
		return false
	}
	e.stale++
	e.begin()
	return true
}
