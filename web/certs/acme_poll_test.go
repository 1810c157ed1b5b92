package certs

import (
	"crypto/x509"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"ideco-agent/agent"
)

// retryLater adds a Retry-After to every answer. After limit requests it refuses all.
type retryLater struct {
	http.RoundTripper
	header func() string
	limit  int64
	count  atomic.Int64
}

func (r *retryLater) RoundTrip(request *http.Request) (*http.Response, error) {
	if r.count.Add(1) > r.limit {
		return nil, errors.New("too many requests")
	}
	answer, err := r.RoundTripper.RoundTrip(request)
	if err == nil {
		answer.Header.Set("Retry-After", r.header())
	}
	return answer, err
}

// TestPollsSlowly: whatever the CA says, the progress of an order is asked for at most once in a second, and at least every maxPoll.
func TestPollsSlowly(t *testing.T) {
	text := func(s string) func() string { return func() string { return s } }
	for name, header := range map[string]func() string{
		"negative":    text("-1"),
		"zero":        text("0"),
		"overflow":    text("18446744073"), // as a time.Duration it is negative
		"years":       text("315360000"),
		"garbage":     text("soon"),
		"in the past": func() string { return time.Now().Add(-time.Minute).UTC().Format(http.TimeFormat) },
		"in a year":   func() string { return time.Now().AddDate(1, 0, 0).UTC().Format(http.TimeFormat) },
	} {
		t.Run(name, func(t *testing.T) {
			var polls *retryLater
			run(t, 90*day, func(g *gateway) {
				polls = &retryLater{RoundTripper: g.ca, header: header, limit: 400}
				g.ca.Hangs = true
				g.transport = func(*x509.CertPool) http.RoundTripper { return polls }
			}, func(g *gateway) {
				pass(9 * time.Minute) // autocert gives up after five
				g.wantState(agent.OrderFailed, agent.CauseCAFailed)
				if n := polls.count.Load(); n > polls.limit || n < 20 {
					t.Errorf("%d requests in five minutes", n)
				}
			})
		})
	}
}
