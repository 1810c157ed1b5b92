package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"

	"ideco-agent/agent"
)

const (
	maxAnswer = 1 << 20 // bytes of one answer of the CA
	// afterAttempt is how long requests go out after an attempt. In that time autocert withdraws in the background what is left open at the CA.
	afterAttempt  = 2 * time.Minute
	maxRetryAfter = 8 * 24 * time.Hour // the longest limit of Let's Encrypt is a week
	maxPoll       = 10 * time.Second   // between two questions about the progress of an order
)

var (
	errAttemptOver = errors.New("the attempt is over")
	errOneOrder    = errors.New("an attempt makes one order only")
	errNotHTTPS    = errors.New("the CA leads to an address without encryption")
	errTooLong     = fmt.Errorf("the answer of the CA is longer than %d bytes", maxAnswer)
)

// newTransport returns a transport for requests to a CA. roots may have signed its certificate; nil = the roots of the system.
func newTransport(roots *x509.CertPool) http.RoundTripper {
	return &http.Transport{
		TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		IdleConnTimeout:       time.Minute,
		ForceAttemptHTTP2:     true,
	}
}

// newClient returns a client of a directory. It gives up early: the schedule of Orders repeats what fails.
func newClient(directory string, transport http.RoundTripper) *acme.Client {
	return &acme.Client{
		DirectoryURL: directory,
		HTTPClient:   &http.Client{Transport: transport, Timeout: time.Minute},
		UserAgent:    "ideco-agent/" + agent.Version,
		RetryBackoff: func(n int, _ *http.Request, answer *http.Response) time.Duration {
			switch {
			case answer.StatusCode == http.StatusBadRequest && n < 10: // a wrong nonce; CAs may refuse any
				return time.Duration(n) * 50 * time.Millisecond
			case answer.StatusCode >= 500 && n < 4 && answer.Header.Get("Retry-After") == "":
				return time.Second << (n - 1)
			}
			return 0
		},
	}
}

// step is the part of an order that a request belongs to.
type step int

const (
	stepDirectory step = iota
	stepAccount
	stepOrder // and everything after it
)

// problemDocument is an error of the CA (RFC 7807, RFC 8555 section 6.7).
type problemDocument struct {
	Type        string            `json:"type"`
	Detail      string            `json:"detail"`
	Subproblems []problemDocument `json:"subproblems"`
}

// failure is a request that failed.
type failure struct {
	step    step
	url     string
	host    string
	err     error // of the network; nil = the CA answered with status and problem
	status  int
	problem problemDocument
}

// validation is a challenge that the CA found not fulfilled.
type validation struct {
	Type    string           `json:"type"`
	Error   *problemDocument `json:"error"`
	Records []struct {
		Address string `json:"addressUsed"`
		Port    string `json:"port"`
	} `json:"validationRecord"`
}

// caTransport sends the requests of one attempt. It hides all challenges but those of one type from autocert, and keeps what the CA
// said, because autocert does not return it.
type caTransport struct {
	base      http.RoundTripper
	ctx       context.Context // its end cancels the requests
	directory string
	challenge string // type of the challenges that are not hidden

	mu         sync.Mutex
	over       time.Time // end of the attempt
	newAccount string    // URLs in the directory
	newOrder   string
	ordered    bool // autocert has got a challenge or a certificate
	offered    []string
	failed     failure     // the last request that failed; without a host: none
	invalid    *validation // the challenge that failed
	retryAfter time.Time   // the latest that the CA named
}

// end ends the attempt. After afterAttempt its requests are refused.
func (t *caTransport) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over.IsZero() {
		t.over = time.Now()
	}
}

// RoundTrip implements http.RoundTripper.
func (t *caTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	at, err := t.permit(r)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(t.ctx, cancel)()
	answer, body, err := t.send(r.WithContext(ctx))
	if err != nil {
		t.fail(failure{step: at, url: r.URL.String(), host: r.URL.Host, err: err})
		return nil, err
	}
	if answer.StatusCode >= 400 {
		t.refused(r, at, answer, body)
	} else {
		body = t.read(r, answer, body)
	}
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return answer, nil
}

// send sends a request and reads the whole answer.
func (t *caTransport) send(r *http.Request) (*http.Response, []byte, error) {
	answer, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = errTooLong
	}
	return answer, body, err
}

// permit returns the step that a request belongs to, or why it must not be sent.
func (t *caTransport) permit(r *http.Request) (step, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch url := r.URL.String(); {
	case t.ctx.Err() != nil:
		return 0, t.ctx.Err()
	case !t.over.IsZero() && time.Since(t.over) > afterAttempt:
		return 0, errAttemptOver
	case r.URL.Scheme != "https":
		t.failed = failure{host: r.URL.Host, err: errNotHTTPS}
		return 0, errNotHTTPS
	case url == t.directory || t.newOrder == "":
		return stepDirectory, nil
	case url == t.newAccount:
		return stepAccount, nil
	case url == t.newOrder && t.ordered:
		t.over = time.Now() // what follows does not concern the order
		return 0, errOneOrder
	}
	return stepOrder, nil
}

// fail keeps a failure, unless the attempt is over.
func (t *caTransport) fail(f failure) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over.IsZero() {
		t.failed = f
	}
}

// refused keeps the CA's reason.
func (t *caTransport) refused(r *http.Request, at step, answer *http.Response, body []byte) {
	f := failure{step: at, url: r.URL.String(), host: r.URL.Host, status: answer.StatusCode}
	if json.Unmarshal(body, &f.problem) != nil {
		f.problem = problemDocument{}
	}
	t.fail(f)
	if until := retryAfter(answer.Header.Get("Retry-After"), time.Now()); !until.IsZero() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if until.After(t.retryAfter) {
			t.retryAfter = until
		}
	}
}

// retryAfter parses a header: seconds, or a date. It returns zero without a time in the future.
func retryAfter(header string, now time.Time) time.Time {
	until, err := http.ParseTime(header)
	if seconds, notNumber := strconv.ParseInt(header, 10, 32); notNumber == nil {
		until, err = now.Add(time.Duration(seconds)*time.Second), nil
	}
	if err != nil || !until.After(now) {
		return time.Time{}
	}
	if latest := now.Add(maxRetryAfter); until.After(latest) {
		return latest
	}
	return until
}

// limitPoll limits the time after which autocert asks about the progress of an order again. autocert would not wait at all for a time
// in the past, which a CA names whose clock is behind. Without a header it waits for a second.
func limitPoll(h http.Header) {
	switch wait := time.Until(retryAfter(h.Get("Retry-After"), time.Now())); {
	case wait > maxPoll:
		h.Set("Retry-After", strconv.Itoa(int(maxPoll/time.Second)))
	case wait < time.Second:
		h.Del("Retry-After")
	}
}

// read keeps what later requests need to know from an answer, and returns the answer for autocert.
func (t *caTransport) read(r *http.Request, answer *http.Response, body []byte) []byte {
	limitPoll(answer.Header)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed.url == r.URL.String() { // it failed before, and was repeated
		t.failed = failure{}
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil {
		t.ordered = t.ordered || bytes.HasPrefix(body, []byte("-----BEGIN"))
		return body
	}
	if r.URL.String() == t.directory {
		_ = json.Unmarshal(object["newAccount"], &t.newAccount)
		_ = json.Unmarshal(object["newOrder"], &t.newOrder)
		return body
	}
	var challenges []json.RawMessage
	if json.Unmarshal(object["challenges"], &challenges) != nil {
		return body
	}
	object["challenges"] = t.filter(challenges)
	filtered, err := json.Marshal(object)
	if err != nil {
		return body
	}
	return filtered
}

// filter returns the challenges of the permitted type. It keeps the types of all, and which one failed. The caller holds mu.
func (t *caTransport) filter(challenges []json.RawMessage) json.RawMessage {
	t.offered = nil
	permitted := slices.DeleteFunc(challenges, func(text json.RawMessage) bool {
		var v validation
		if json.Unmarshal(text, &v) != nil {
			return true
		}
		t.offered = append(t.offered, v.Type)
		if v.Type != t.challenge {
			return true
		}
		if t.ordered = true; v.Error != nil {
			t.invalid = &v
		}
		return false
	})
	list, err := json.Marshal(permitted)
	if err != nil {
		return json.RawMessage("[]")
	}
	return list
}

// heard is what the CA said during an attempt.
type heard struct {
	failed     failure     // the last request that failed; without a host: none
	invalid    *validation // the challenge that failed; nil = none
	offered    string      // types of the challenges
	isACME     bool        // the directory is one
	retryAfter time.Time   // the latest that the CA named; zero = none
}

func (t *caTransport) heard() heard {
	t.mu.Lock()
	defer t.mu.Unlock()
	return heard{t.failed, t.invalid, strings.Join(t.offered, ", "), t.newOrder != "", t.retryAfter}
}

// accountGone reports whether the CA refused the account, because it does not have it or because it was deactivated. An
// account that the CA itself revoked does not count: the CA would refuse a new one too.
func (t *caTransport) accountGone() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch f := t.failed; kindOf(f.problem.Type) {
	case "accountdoesnotexist":
		return true
	case "unauthorized":
		return (f.url == t.newAccount || f.url == t.newOrder) && strings.Contains(strings.ToLower(f.problem.Detail), "deactivated")
	}
	return false
}
