package certs

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"

	"ideco-agent/agent"
)

const (
	renewBefore = 30 * 24 * time.Hour // the most before the end; orderedRenewal adds up to a tenth
	minBackoff  = 10 * time.Minute
	maxBackoff  = 12 * time.Hour
	// maxTries is how many challenges, not tries, a name may have in an hour. Let's Encrypt permits five failed validations an hour, and gives back one in 12 minutes.
	maxTries = 4
)

// tries is what happened to the orders for a name at a CA. It is stored as JSON, so that a start neither forgets the limits of the CA
// nor the problem.
type tries struct {
	Times      []time.Time               `json:"times"`       // challenges in the last hour, answered or not
	Failures   int                       `json:"failures"`    // since the last success
	Ended      time.Time                 `json:"ended"`       // the last try
	Next       time.Time                 `json:"next"`        // by backoff; zero = at once
	RetryAfter time.Time                 `json:"retry_after"` // of the CA; zero = none
	Problem    *agent.CertificateProblem `json:"problem"`     // of the last try; nil = it succeeded
	Reported   []agent.CertificateCause  `json:"reported"`    // causes since the last success that have an event
}

// noteCause notes a cause and reports whether it needs an event: only the first of its kind since the last success. Files of earlier
// versions have no Reported, so there the last problem tells.
func (t *tries) noteCause(cause agent.CertificateCause) bool {
	if slices.Contains(t.Reported, cause) {
		return false
	}
	t.Reported = append(t.Reported, cause)
	return t.Problem == nil || t.Problem.Code != cause
}

// prune forgets what no longer counts, and what a wrong clock may have left.
func (t *tries) prune(now time.Time) {
	t.Times = slices.DeleteFunc(t.Times, func(at time.Time) bool { return now.Sub(at) >= time.Hour || at.After(now) })
	if t.Next.Sub(now) > 2*maxBackoff {
		t.Next = time.Time{}
	}
	if t.RetryAfter.Sub(now) > maxRetryAfter {
		t.RetryAfter = time.Time{}
	}
}

// permitted returns when the CA's limits permit another challenge. It may be in the past.
func (t *tries) permitted() time.Time {
	at := t.RetryAfter
	if i := len(t.Times) - maxTries; i >= 0 {
		at = later(at, t.Times[i].Add(time.Hour))
	}
	return at
}

// backoff returns how long to wait after a failure that followed so many others.
func backoff(failures int) time.Duration { return min(minBackoff<<min(failures, 10), maxBackoff) }

// failed plans the next try after a failure. end is when the present certificate ends; zero = there is none.
func (t *tries) failed(now, end, retryAfter time.Time) {
	wait := backoff(t.Failures)
	t.Failures++
	if left := end.Sub(now); left > 0 {
		wait = min(wait, max(left/4, minBackoff)) // for certificates that live a day or a week
	}
	t.Ended, t.Next, t.RetryAfter = now, now.Add(wait+rand.N(wait/10)), retryAfter
}

// orderedRenewal returns when a certificate is renewed: when a third of its life is left, at most 30 days before its end. Each
// certificate is renewed earlier than that by a part of its own, up to a tenth, so that not all gateways order at the same time.
func orderedRenewal(leaf *x509.Certificate) time.Time {
	before := min(leaf.NotAfter.Sub(leaf.NotBefore)/3, renewBefore)
	sum := sha256.Sum256(leaf.Raw)
	jitter := time.Duration(float64(binary.BigEndian.Uint32(sum[:])) / (1 << 32) * float64(before/10))
	return leaf.NotAfter.Add(-before - jitter)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
