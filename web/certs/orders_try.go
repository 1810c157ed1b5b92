package certs

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/atomicfile"
)

const checkTime = 30 * time.Second // for OrdersConfig.Check and ALPNLeadsHere

// try is one try to order a certificate for a name, under the settings at its begin.
type try struct {
	name     string
	settings OrderSettings
	ca       string // caDir of the settings
}

// try orders a certificate for a name and keeps the result. A try that ctx or a change of the settings ends leaves no trace but the
// time of its challenges.
func (o *Orders) try(ctx context.Context, name string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	o.mu.Lock()
	if one := o.orders[name]; one == nil || one.covered { // changed meanwhile
		o.mu.Unlock()
		return
	}
	one := try{name, o.settings, o.ca}
	o.running, o.cancel = name, cancel
	unsaved := o.orders[name].unsaved
	o.mu.Unlock()

	var issued []byte
	var problem *agent.CertificateProblem
	var retryAfter time.Time
	if unsaved {
		problem = o.saveAgain(one)
	} else {
		issued, retryAfter, problem = o.order(ctx, one)
	}

	o.mu.Lock()
	o.running, o.cancel = "", nil
	o.mu.Unlock()
	switch {
	case issued != nil:
		o.succeeded(one, issued)
	case problem != nil && ctx.Err() == nil:
		o.failed(one, problem, retryAfter)
	}
}

// order orders by HTTP-01, and if the CA cannot connect to port 80, by TLS-ALPN-01 where port 443 leads here. At Let's Encrypt it does
// not order for a name with private addresses only.
func (o *Orders) order(ctx context.Context, one try) (issued []byte, retryAfter time.Time, problem *agent.CertificateProblem) {
	var checks []agent.NameCheck
	if agent.IsLetsEncrypt(one.settings.Directory) {
		checks = o.check(ctx, one.name)
		if address, only := onlyPrivate(checks); only {
			return nil, time.Time{}, finish(&agent.CertificateProblem{Code: agent.CausePrivateAddress,
				Args: map[string]string{"Address": address}, Checks: checks}, one.name)
		}
	}
	issued, retryAfter, problem = o.orderBy(ctx, one, challengeHTTP)
	if problem != nil && problem.Code == agent.CauseConnection && o.mayTryALPN(ctx, one.name) {
		byALPN, after, second := o.orderBy(ctx, one, challengeALPN)
		if second == nil {
			return byALPN, after, nil
		}
		retryAfter = later(retryAfter, after)
		if second.Code != agent.CauseConnection && second.Code != agent.CauseWrongAnswer {
			problem = second
		}
	}
	if problem != nil && ctx.Err() == nil {
		if problem.Checks = checks; checks == nil {
			problem.Checks = o.check(ctx, one.name)
		}
	}
	return issued, retryAfter, problem
}

// orderBy orders with one type of challenge. If the CA no longer has the account, it makes a new one under the accepted terms, once.
func (o *Orders) orderBy(ctx context.Context, one try, challenge string) ([]byte, time.Time, *agent.CertificateProblem) {
	a, issued, err := o.attemptBy(ctx, one, challenge)
	if err != nil && a.transport.accountGone() {
		o.config.Log.Warn("the certification authority no longer has the account of this gateway; a new one is made",
			"directory", one.settings.Directory, "error", a.cause(err))
		if gone := atomicfile.Remove(a.cache.account); gone != nil {
			return nil, time.Time{}, storageProblem(one.name, gone)
		}
		a, issued, err = o.attemptBy(ctx, one, challenge)
	}
	if err == nil {
		return issued, time.Time{}, nil
	}
	problem := a.problem(err, one.settings.EABLost)
	if ctx.Err() == nil {
		o.config.Log.Info("no certificate was issued", "name", one.name, "method", challenge, "cause", problem.Code,
			"detail", problem.CA, "error", a.cause(err))
	}
	return nil, a.transport.heard().retryAfter, problem
}

// attemptBy makes one attempt. Its time is written first, because the CA's limits count the challenge even if the program ends meanwhile.
func (o *Orders) attemptBy(ctx context.Context, one try, challenge string) (*attempt, []byte, error) {
	a := newAttempt(ctx, attemptConfig{
		name: one.name, challenge: challenge, settings: one.settings,
		account: filepath.Join(o.dir, one.ca, accountFile(one.settings)),
		base:    o.transport(one.settings.Roots),
	})
	uncount, err := o.start(ctx, one, a)
	if err != nil {
		return a, nil, err
	}
	issued, err := a.run(ctx)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.attempt = nil
	if !a.transport.heard().isACME { // the CA was not even asked for an order, so its limits count nothing
		uncount()
	}
	return a, issued, err
}

// start notes the time of an attempt and makes its challenge answerable. uncount removes the time again; the caller holds mu.
func (o *Orders) start(ctx context.Context, one try, a *attempt) (uncount func(), err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if ctx.Err() != nil { // after a change of the settings, tries may belong to another CA
		return nil, ctx.Err()
	}
	t, now := o.tries[one.name], time.Now()
	t.Times = append(t.Times, now)
	if err := o.saveTries(); err != nil {
		return nil, err
	}
	o.attempt = a
	return func() { t.Times = slices.DeleteFunc(t.Times, now.Equal) }, nil
}

// mayTryALPN reports whether the CA's limits permit TLS-ALPN-01 now and port 443 leads here.
func (o *Orders) mayTryALPN(ctx context.Context, name string) bool {
	if o.config.ALPNLeadsHere == nil {
		return false
	}
	o.mu.Lock()
	t := o.tries[name]
	permitted := ctx.Err() == nil && t != nil && !t.permitted().After(time.Now())
	o.mu.Unlock()
	if !permitted {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	return o.config.ALPNLeadsHere(ctx, name)
}

func (o *Orders) check(ctx context.Context, name string) []agent.NameCheck {
	if o.config.Check == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	return o.config.Check(ctx, name)
}

// onlyPrivate reports whether the public DNS has private addresses only. It returns the first.
func onlyPrivate(checks []agent.NameCheck) (address string, only bool) {
	for _, c := range checks {
		if c.Check == agent.CheckPrivateDNS {
			address, _, _ = strings.Cut(c.Args["Addresses"], ",")
			return address, true
		}
	}
	return "", false
}

// current returns what is known about the name of a try; nil if the settings no longer have the name or the CA. The caller holds mu.
func (o *Orders) current(one try) *order {
	if o.ca != one.ca {
		return nil
	}
	return o.orders[one.name]
}

// succeeded keeps an issued certificate.
func (o *Orders) succeeded(one try, issued []byte) {
	h, err := parseHeld(issued, one.name, one.ca)
	if err == nil {
		err = checkChain(h)
	}
	if err != nil {
		o.failed(one, finish(&agent.CertificateProblem{Code: agent.CauseCAFailed, CA: err.Error()}, one.name), time.Time{})
		return
	}
	o.mu.Lock()
	current := o.current(one)
	if current == nil {
		o.mu.Unlock()
		return
	}
	event := agent.CertificateEvent{At: time.Now(), Event: agent.EventIssued, Name: one.name, Source: agent.SourceACME,
		Detail: nameText(h.Leaf.Issuer)}
	if current.held != nil {
		event.Event = agent.EventRenewed
	}
	o.tries[one.name] = &tries{Times: o.tries[one.name].Times, Ended: event.At}
	failed := errors.Join(o.save(one.ca, certificateFile(one.name), issued), o.saveTries())
	current.held, current.unsaved = h, failed != nil
	o.publish()
	o.mu.Unlock()

	o.event(event)
	if failed != nil {
		o.failed(one, storageProblem(one.name, failed), time.Time{})
	}
}

// checkChain checks that each certificate of a chain signed the one before, and that clients accept its size.
func checkChain(h *held) error {
	if size := len(bytes.Join(h.Certificate.Certificate, nil)); size > maxChainBytes {
		return fmt.Errorf("the chain has %d bytes, more than %d", size, maxChainBytes)
	}
	chain, err := x509.ParseCertificates(bytes.Join(h.Certificate.Certificate, nil))
	if err != nil {
		return err
	}
	for i, c := range chain[:len(chain)-1] {
		if err := c.CheckSignatureFrom(chain[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// saveAgain writes a certificate that could not be written.
func (o *Orders) saveAgain(one try) *agent.CertificateProblem {
	o.mu.Lock()
	defer o.mu.Unlock()
	current := o.current(one)
	if current == nil {
		return nil
	}
	if err := o.save(one.ca, certificateFile(one.name), current.held.pem); err != nil {
		return storageProblem(one.name, err)
	}
	current.unsaved = false
	o.tries[one.name] = &tries{Times: o.tries[one.name].Times, Ended: time.Now()}
	o.trySaveTries()
	return nil
}

func storageProblem(name string, err error) *agent.CertificateProblem {
	return finish(&agent.CertificateProblem{Code: agent.CauseStorage, Args: map[string]string{"Error": err.Error()}}, name)
}

// failed keeps a problem and plans the next try.
func (o *Orders) failed(one try, problem *agent.CertificateProblem, retryAfter time.Time) {
	o.mu.Lock()
	current := o.current(one)
	if current == nil {
		o.mu.Unlock()
		return
	}
	var end time.Time
	if current.held != nil {
		end = current.held.Leaf.NotAfter
	}
	t, now := o.tries[one.name], time.Now()
	isNew := t.noteCause(problem.Code)
	t.failed(now, end, retryAfter)
	if problem.Code == agent.CauseRateLimited {
		problem.Args["Until"] = later(t.Next, t.RetryAfter).Format(time.RFC3339) // as the texts expect
	}
	t.Problem = problem
	o.trySaveTries()
	o.mu.Unlock()

	if isNew {
		o.event(agent.CertificateEvent{At: now, Event: agent.EventFailed, Name: one.name, Source: agent.SourceACME, Cause: problem.Code,
			Args: problem.Args, Detail: problem.CA})
	}
}

func (o *Orders) event(e agent.CertificateEvent) {
	if o.config.Event != nil {
		o.config.Event(e)
	}
}
