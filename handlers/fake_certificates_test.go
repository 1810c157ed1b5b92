package handlers

import (
	"context"
	"slices"
	"strings"
	"time"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// fakeCertificates orders certificates at once: the name "down.ru" fails, and so do directories below https://down.
type fakeCertificates struct {
	settings *fixedSettings
	acme     agent.ACMESettings
	eabKey   string // in clear
	orders   map[string]agent.CertificateOrder
	tooSoon  string // minutes for which a try is refused; empty = it is not
	tries    int
	terms    string // of every directory
	uploaded []Uploaded
	ending   []agent.CertificateEnd
	history  []agent.CertificateEvent
	change   *agent.RootChange
}

const fakeTerms = "https://letsencrypt.org/documents/LE-SA-v1.5-February-24-2025.pdf"

func newFakeCertificates(s *fixedSettings) *fakeCertificates {
	return &fakeCertificates{settings: s, orders: map[string]agent.CertificateOrder{}, terms: fakeTerms}
}

// fakeCertificate is valid for 90 days from the end of November 2026.
func fakeCertificate(source agent.CertificateSource, name string) agent.Certificate {
	from := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	until := from.AddDate(0, 0, 90)
	c := agent.Certificate{Source: source, Names: []string{name}, Key: "ECDSA P-256"}
	issuer, root := "R11", "ISRG Root X1"
	switch source {
	case agent.SourceOwnRoot:
		issuer, root, until = "Ideco gateway", "Ideco gateway", from.AddDate(0, 0, 397)
	case agent.SourceUploaded:
		issuer, root = "Company CA", "Company Root"
	}
	fingerprint := strings.TrimSuffix(strings.Repeat("AB:", 32), ":")
	c.Chain = []agent.ChainCertificate{{Subject: name, Issuer: issuer, NotBefore: from, NotAfter: until, SHA256: fingerprint},
		{Subject: issuer, Issuer: root, NotBefore: from.AddDate(-2, 0, 0), NotAfter: from.AddDate(5, 0, 0), SHA256: fingerprint}}
	if source != agent.SourceUploaded {
		c.Renewal = until.AddDate(0, 0, -30)
	}
	return c
}

func (f *fakeCertificates) source(name string) agent.CertificateSource {
	switch {
	case slices.ContainsFunc(f.uploaded, func(u Uploaded) bool { return slices.Contains(u.Serves, name) }):
		return agent.SourceUploaded
	case f.orders[name].State == agent.OrderDone:
		return agent.SourceACME
	}
	return agent.SourceOwnRoot
}

func (f *fakeCertificates) Served() (list []agent.ServedCertificate) {
	for _, name := range f.settings.now.Domains() {
		c := fakeCertificate(f.source(name), name)
		list = append(list, agent.ServedCertificate{Port: agent.PortPortal, Name: name, Certificate: c})
		atAgents := agent.ServedCertificate{Port: agent.PortAgent, Name: name, Certificate: c}
		if c.Source != agent.SourceOwnRoot {
			own := fakeCertificate(agent.SourceOwnRoot, name)
			atAgents.Pinned = &own
		}
		list = append(list, atAgents)
	}
	return append(list, agent.ServedCertificate{Port: agent.PortPortal, Name: "192.168.7.1", Certificate: fakeCertificate(agent.SourceOwnRoot, "192.168.7.1")})
}

func (f *fakeCertificates) Orders() (list []agent.CertificateOrder) {
	for _, name := range f.settings.now.Domains() {
		order, ok := f.orders[name]
		if !ok {
			order = agent.CertificateOrder{Name: name, State: agent.OrderOff}
		}
		list = append(list, order)
	}
	return list
}

func (f *fakeCertificates) Order(context.Context) error {
	if f.tooSoon != "" {
		return agent.Problem{Field: "acme", Code: locale.FieldOrderTooSoon, Value: f.tooSoon}
	}
	f.tries++
	for _, name := range f.settings.now.Domains() {
		order := agent.CertificateOrder{Name: name, State: agent.OrderDone, Tried: time.Now(), Next: time.Now().AddDate(0, 0, 60)}
		if f.acme.Directory == "" || f.acme.Terms == "" {
			order = agent.CertificateOrder{Name: name, State: agent.OrderOff}
		} else if name == "down.ru" {
			order.State, order.Next = agent.OrderFailed, time.Now().Add(10*time.Minute)
			order.Problem = &agent.CertificateProblem{Code: agent.CauseConnection, CA: "203.0.113.5: Fetching http://down.ru/.well-known/acme-challenge/x: Timeout",
				Args: map[string]string{"Name": name, "Address": "203.0.113.5", "Port": "80"},
				Checks: []agent.NameCheck{{Check: agent.CheckPublicDNS, State: agent.StepOK, Args: map[string]string{"Name": name, "Addresses": "203.0.113.5"}},
					{Check: agent.CheckAAAA, State: agent.StepWarning, Args: map[string]string{"Name": name, "Address": "2001:db8::5"}}}}
		}
		f.orders[name] = order
		f.history = slices.Insert(f.history, 0, agent.CertificateEvent{At: time.Now(), Event: agent.EventIssued, Name: name, Source: agent.SourceACME, Detail: "R11"})
	}
	return nil
}

func (f *fakeCertificates) Ending() []agent.CertificateEnd { return f.ending }

func (f *fakeCertificates) History(context.Context) ([]agent.CertificateEvent, error) {
	return f.history, nil
}

func (f *fakeCertificates) ACME() agent.ACMESettings { return f.acme }

func (f *fakeCertificates) SetACME(ctx context.Context, change agent.ACMEChange) error {
	change, problems := change.Normalize()
	if len(problems) > 0 {
		return problems
	}
	next := agent.ACMESettings{Directory: change.Directory, RootPEM: change.RootPEM, Email: change.Email, EABKeyID: change.EABKeyID}
	if change.Directory == f.acme.Directory {
		next.Terms = f.acme.Terms
	}
	if change.AcceptTerms {
		next.Terms = f.terms
	}
	if change.EABKey != "" || change.EABKeyID != f.acme.EABKeyID {
		f.eabKey = change.EABKey
	}
	f.acme = next
	return f.Order(ctx)
}

func (f *fakeCertificates) Terms(_ context.Context, directory, _ string) (string, error) {
	if strings.HasPrefix(directory, "https://down") {
		return "", &agent.CertificateProblem{Code: agent.CauseUnreachable, Args: map[string]string{"Host": "down.example"}, CA: "dial tcp: timeout"}
	}
	return f.terms, nil
}

func (f *fakeCertificates) Uploaded() []Uploaded { return f.uploaded }

func (f *fakeCertificates) Upload(_ context.Context, _ [][]byte, _, _ string) (Uploaded, error) {
	name := f.settings.now.Domain
	one := Uploaded{ID: agent.UploadedCertificateID(len(f.uploaded) + 1), Added: time.Now(), Certificate: fakeCertificate(agent.SourceUploaded, name), Serves: []string{name}}
	f.uploaded = append(f.uploaded, one)
	return one, nil
}

func (f *fakeCertificates) RemoveUploaded(_ context.Context, id agent.UploadedCertificateID, _ string) error {
	i := slices.IndexFunc(f.uploaded, func(u Uploaded) bool { return u.ID == id })
	if i < 0 {
		return agent.ErrNotFound
	}
	f.uploaded = slices.Delete(f.uploaded, i, i+1)
	return nil
}

func (f *fakeCertificates) Root() agent.RootCertificate {
	return agent.RootCertificate{ChainCertificate: fakeCertificate(agent.SourceOwnRoot, "Ideco gateway").Chain[1], Pin: "cGlu"}
}

func (f *fakeCertificates) RootChange() *agent.RootChange { return f.change }

func (f *fakeCertificates) AnnounceRoot(context.Context, string) error {
	f.change = &agent.RootChange{Next: f.Root(), From: time.Now().Add(agent.RootNotice)}
	return nil
}

func (f *fakeCertificates) CancelRoot(context.Context, string) error {
	f.change = nil
	return nil
}
