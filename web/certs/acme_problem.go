package certs

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"golang.org/x/crypto/acme"

	"ideco-agent/agent"
)

const maxDetail = 500 // characters that are kept of what a CA says

// problem explains the error of run. eabLost says that the key of the external account binding was not there to be sent.
func (a *attempt) problem(err error, eabLost bool) *agent.CertificateProblem {
	var storage *storageError
	if errors.As(err, &storage) {
		return storageProblem(a.name, storage)
	}
	return finish(a.explain(err, eabLost), a.name)
}

// explain returns the problem with its texts as they are.
func (a *attempt) explain(err error, eabLost bool) *agent.CertificateProblem {
	heard := a.transport.heard()
	explainFailure := func(f failure) *agent.CertificateProblem {
		return f.explain(a.manager.ExternalAccountBinding != nil, eabLost, a.terms.isDeclined())
	}
	var answer *acme.Error
	var order *acme.OrderError
	var request *url.Error
	switch text := err.Error(); {
	case errors.As(err, &answer):
		return explainFailure(failure{step: heard.failed.step, host: heard.failed.host, status: answer.StatusCode, problem: documentOf(answer)})
	case errors.As(err, &order) && order.Problem != nil:
		return documentProblem(documentOf(order.Problem), 0)
	case errors.Is(err, errOneOrder) || errors.Is(err, context.DeadlineExceeded): // autocert does not return why a challenge failed
		switch {
		case heard.invalid != nil:
			return heard.invalid.problem()
		case heard.failed.host != "":
			return explainFailure(heard.failed)
		}
		return &agent.CertificateProblem{Code: agent.CauseCAFailed}
	case errors.As(err, &request):
		return explainFailure(heard.failed)
	case !heard.isACME:
		return noACME(hostOf(a.transport.directory))
	case strings.Contains(text, "no viable challenge"):
		return &agent.CertificateProblem{Code: agent.CauseOther, CA: "no " + a.transport.challenge + " challenge, but: " + heard.offered}
	case strings.Contains(text, "external account binding"): // the key is too short to sign with
		return &agent.CertificateProblem{Code: agent.CauseEABWrong}
	default:
		return &agent.CertificateProblem{Code: agent.CauseCAFailed, CA: text}
	}
}

// documentOf returns the CA's answer that an error of package acme has.
func documentOf(e *acme.Error) problemDocument {
	d := problemDocument{Type: e.ProblemType, Detail: e.Detail}
	for _, sub := range e.Subproblems {
		d.Subproblems = append(d.Subproblems, problemDocument{Type: sub.Type, Detail: sub.Detail})
	}
	return d
}

// cause returns the error of run, or of the request that failed before it, for the log.
func (a *attempt) cause(err error) string {
	if failed := a.transport.heard().failed.err; failed != nil {
		err = failed
	}
	if errors.Is(err, errOneOrder) {
		return ""
	}
	return agent.Clean(err.Error(), maxDetail)
}

// finish cleans the texts of a problem and adds the argument Name.
func finish(p *agent.CertificateProblem, name string) *agent.CertificateProblem {
	p.CA = agent.Clean(p.CA, maxDetail)
	args := map[string]string{"Name": name}
	for key, value := range p.Args {
		args[key] = agent.Clean(value, 200)
	}
	p.Args = args
	return p
}

func noACME(host string) *agent.CertificateProblem {
	return &agent.CertificateProblem{Code: agent.CauseNoACME, Args: map[string]string{"Host": host}}
}

func hostOf(directory string) string {
	u, err := url.Parse(directory)
	if err != nil {
		return ""
	}
	return u.Host
}

// explain explains a request that failed. eab says whether an external account binding was sent, and eabLost whether its key is lost.
func (f *failure) explain(eab, eabLost, termsDeclined bool) *agent.CertificateProblem {
	if f.err != nil {
		return networkProblem(f.err, f.host)
	}
	p := documentProblem(f.problem, f.status)
	kind := kindOf(f.problem.Type)
	refused := f.status < 500 && p.Code != agent.CauseRateLimited
	switch {
	case f.step == stepDirectory && refused:
		return noACME(f.host)
	case f.step != stepAccount || !refused: // neither the binding nor the terms are the reason
	case p.Code == agent.CauseEABNeeded && eabLost:
		p.Code = agent.CauseEABLost
	case eab && (p.Code == agent.CauseEABNeeded || kind == "unauthorized" || kind == "malformed" || kind == "badsignaturealgorithm"):
		p.Code = agent.CauseEABWrong
	case p.Code == agent.CauseEABNeeded, p.Code == agent.CauseEmail: // the reason is known
	case termsDeclined:
		p.Code = agent.CauseTerms
	}
	return p
}

// kindOf returns the last part of a problem type, in lower case: some CAs spell them differently.
func kindOf(problemType string) string {
	return strings.ToLower(problemType[strings.LastIndexByte(problemType, ':')+1:])
}

// documentProblem maps the types of RFC 8555 section 6.7.
func documentProblem(d problemDocument, status int) *agent.CertificateProblem {
	p := &agent.CertificateProblem{Code: agent.CauseOther, CA: d.Detail}
	kind := kindOf(d.Type)
	if len(d.Subproblems) > 0 && (kind == "compound" || kind == "malformed" || kind == "") {
		kind, p.CA = kindOf(d.Subproblems[0].Type), d.Detail+" "+d.Subproblems[0].Detail
	}
	switch kind {
	case "caa":
		p.Code = agent.CauseCAA
	case "dns":
		p.Code = dnsCause(p.CA)
	case "connection":
		p.Code = agent.CauseConnection
	case "incorrectresponse":
		p.Code = agent.CauseWrongAnswer
	case "ratelimited":
		p.Code = agent.CauseRateLimited
	case "rejectedidentifier", "unsupportedidentifier":
		p.Code = agent.CauseRefusedName
		if strings.Contains(p.CA, "public suffix") { // words of Let's Encrypt for a top-level domain that does not exist
			p.Code = agent.CausePrivateName
		}
	case "externalaccountrequired":
		p.Code = agent.CauseEABNeeded
	case "useractionrequired", "agreementrequired":
		p.Code = agent.CauseTerms
	case "invalidcontact", "unsupportedcontact", "invalidemail":
		p.Code = agent.CauseEmail
	case "serverinternal", "ordernotready", "badnonce":
		p.Code = agent.CauseCAFailed
	default:
		switch {
		case status == http.StatusTooManyRequests:
			p.Code = agent.CauseRateLimited
		case status >= 500:
			p.Code = agent.CauseCAFailed
		case p.CA == "":
			p.CA = cmp.Or(d.Type, http.StatusText(status))
		}
	}
	return p
}

// Words of CAs by which problems are told apart whose type is the same, or differs from CA to CA. They are in lower case.
var (
	wordsNotFound = []string{"nxdomain", "no such host", "could not resolve", "no valid a records", "no valid ip address", "no addresses",
		"domain name not found"}
	wordsDNS        = []string{"servfail", "server misbehaving", "occurred while resolving", "dnssec", "dns problem"}
	wordsPrivate    = []string{"reserved address", "private address", "reserved ip", "private ip", "address is reserved", "reserved block"}
	wordsConnection = []string{"failed to connect", "connection refused", "connection reset", "timeout", "timed out", "no route to host",
		"network is unreachable", "network unreachable"}
)

// containsAny reports whether a text has one of the words, in any case.
func containsAny(text string, words []string) bool {
	text = strings.ToLower(text)
	for _, word := range words {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

func dnsCause(words string) agent.CertificateCause {
	switch {
	case containsAny(words, wordsPrivate):
		return agent.CausePrivateAddress
	case containsAny(words, wordsNotFound):
		return agent.CauseNotFound
	}
	return agent.CauseDNS
}

// problem explains why a challenge was not fulfilled.
func (v *validation) problem() *agent.CertificateProblem {
	p := documentProblem(*v.Error, 0)
	kind := kindOf(v.Error.Type)
	switch {
	case p.Code == agent.CauseCAA, p.Code == agent.CauseRateLimited, p.Code == agent.CauseRefusedName, kind == "dns":
	case containsAny(p.CA, wordsPrivate):
		p.Code = agent.CausePrivateAddress
	case containsAny(p.CA, wordsNotFound):
		p.Code = agent.CauseNotFound
	case containsAny(p.CA, wordsDNS):
		p.Code = agent.CauseDNS
	case kind == "connection", containsAny(p.CA, wordsConnection):
		p.Code = agent.CauseConnection
	case kind == "unauthorized", kind == "tls", kind == "malformed":
		p.Code = agent.CauseWrongAnswer
	}
	p.Args = map[string]string{"Address": v.address(p.CA), "Port": v.port()}
	return p
}

// address returns the address to which the CA connected: from its record, or else the first in its words; "" if it names none.
func (v *validation) address(words string) string {
	for _, record := range v.Records {
		if ip, err := netip.ParseAddr(record.Address); err == nil {
			return ip.String()
		}
	}
	for _, word := range strings.FieldsFunc(words, func(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF.:", r) }) {
		word = strings.TrimSuffix(strings.Trim(word, "."), ":")
		if ip, err := netip.ParseAddr(word); err == nil {
			return ip.String()
		}
		if host, err := netip.ParseAddrPort(word); err == nil {
			return host.Addr().String()
		}
	}
	return ""
}

func (v *validation) port() string {
	if n := len(v.Records); n > 0 && v.Records[n-1].Port != "" {
		return v.Records[n-1].Port
	}
	if v.Type == challengeALPN {
		return "443"
	}
	return "80"
}

// networkProblem explains an error of a request that got no answer from host.
func networkProblem(err error, host string) *agent.CertificateProblem {
	p := &agent.CertificateProblem{Code: agent.CauseUnreachable, Args: map[string]string{"Host": host}}
	var record tls.RecordHeaderError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &certificate):
		p.Code = agent.CauseUntrustedCA
		if chain := certificate.UnverifiedCertificates; len(chain) > 0 {
			p.Args["Issuer"] = nameText(chain[len(chain)-1].Issuer)
		}
		var unknown x509.UnknownAuthorityError
		if !errors.As(err, &unknown) {
			p.CA = certificate.Err.Error() // for instance another name, or expired
		}
	case errors.As(err, &record), errors.Is(err, errNotHTTPS), errors.Is(err, errTooLong):
		p.Code = agent.CauseNoACME
	}
	return p
}

// Terms asks a directory for the URL of its terms of service; agent.TermsNone if it has none. Errors: *agent.CertificateProblem.
func Terms(ctx context.Context, directory string, roots *x509.CertPool) (string, error) {
	return terms(ctx, directory, newTransport(roots))
}

func terms(ctx context.Context, directory string, base http.RoundTripper) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	transport := &caTransport{base: base, ctx: ctx, directory: directory}
	found, err := newClient(directory, transport).Discover(ctx)
	if err == nil && (found.RegURL == "" || found.NonceURL == "") {
		err = errors.New("not all URLs are there")
	}
	if err != nil {
		p := noACME(hostOf(directory))
		if failed := transport.heard().failed; failed.host != "" {
			p = failed.explain(false, false, false)
		}
		return "", finish(p, "")
	}
	return cmp.Or(agent.Clean(found.Terms, 2000), agent.TermsNone), nil
}
