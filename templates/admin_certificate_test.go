package templates

import (
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

func someCertificate(source agent.CertificateSource, issuer, root string, until time.Time) agent.Certificate {
	return agent.Certificate{Source: source, Names: []string{hostile}, Key: hostile, Chain: []agent.ChainCertificate{
		{Subject: hostile, Issuer: issuer, NotBefore: now, NotAfter: until, SHA256: hostile}, {Subject: issuer, Issuer: root, NotBefore: now, NotAfter: until}}}
}

// fullCertificate returns the data of a page with every part, in a state of the order.
func fullCertificate(errors map[string]string, state agent.OrderState) AdminCertificateData {
	args := map[string]string{"Name": hostile, "Address": hostile, "Port": hostile}
	own := someCertificate(agent.SourceOwnRoot, hostile, hostile, now)
	order := agent.CertificateOrder{Name: hostile, State: state, Tried: now, Next: now, Problem: &agent.CertificateProblem{Code: agent.CauseConnection, CA: hostile, Args: args,
		Checks: []agent.NameCheck{{Check: agent.CheckAAAA, State: agent.StepWarning, Args: args}, {Check: agent.CheckPort80, State: agent.StepFailed, Args: args}}}}
	former := order
	former.Name = "former.ru"
	return AdminCertificateData{Domain: hostile, Now: now, Errors: errors, EABStored: true, CAProblem: order.Problem,
		Served: []agent.ServedCertificate{{Port: agent.PortPortal, Name: hostile, Certificate: own},
			{Port: agent.PortAgent, Name: hostile, Certificate: someCertificate(agent.SourceACME, hostile, hostile, now), Pinned: &own},
			{Port: agent.PortPortal, Name: "former.ru", Certificate: someCertificate(agent.SourceUploaded, hostile, hostile, now)},
			{Port: agent.PortAgent, Name: "10.0.0.1"}},
		Orders: []agent.CertificateOrder{order, former},
		Form:   ACMEForm{CA: CAOther, Directory: hostile, RootPEM: hostile, Email: hostile, EABKeyID: hostile, Terms: hostile},
		Upload: CertificateUploadData{Errors: errors, Uploaded: []UploadedCertificate{{ID: 1, Serves: []string{hostile}, Certificate: someCertificate(agent.SourceUploaded, hostile, hostile, now)},
			{ID: 2, KeyLost: true}, {ID: 3, Certificate: someCertificate(agent.SourceUploaded, hostile, hostile, now.AddDate(0, 0, -1))}}},
		History:    []agent.CertificateEvent{{At: now, Event: agent.EventFailed, Name: hostile, By: hostile, Cause: agent.CauseDNS, Detail: hostile}, {At: now, Event: agent.EventRootChanged}},
		Root:       agent.RootCertificate{ChainCertificate: agent.ChainCertificate{Subject: hostile, SHA256: hostile}},
		RootChange: &agent.RootChange{Next: agent.RootCertificate{ChainCertificate: agent.ChainCertificate{SHA256: hostile}}, From: now}}
}

// TestCertificateVerdict: the class and the sentences at the top of the page.
func TestCertificateVerdict(t *testing.T) {
	l, later := locale.For("ru"), now.AddDate(0, 0, 60)
	acme := someCertificate(agent.SourceACME, "R11", "ISRG Root X1", later)
	acme.Renewal = now.AddDate(0, 0, 30)
	ending := now.AddDate(0, 0, 13)
	uploaded := func(end time.Time) agent.Certificate {
		return someCertificate(agent.SourceUploaded, "Company CA 2", "Company Root", end)
	}
	for _, c := range []struct {
		name  string
		cert  agent.Certificate
		state agent.OrderState // without the uploaded certificate
		class string
		says  string
	}{
		{"Let's Encrypt", acme, agent.OrderDone, "ok", "Его выдал центр сертификации Let's Encrypt. Шлюз сам продлит его около 23.12.2026."},
		{"renewal fails", acme, agent.OrderFailed, "warn", "Продлить его пока не получается."},
		{"staging", someCertificate(agent.SourceACME, "(STAGING) Tenuous Tomato R13", "(STAGING) Pretend Pear X1", later), agent.OrderDone, "warn", "браузеры такому сертификату не доверяют"},
		{"organisation's", someCertificate(agent.SourceACME, "Company CA 2", "Company Root", later), agent.OrderDone, "ok", "Его выдал центр сертификации Company CA 2."},
		{"uploaded", uploaded(later), agent.OrderOff, "ok", "иначе шлюз перейдёт на собственный"},
		{"uploaded, ends", uploaded(ending), agent.OrderOff, "warn", "иначе шлюз перейдёт на собственный"},
		{"uploaded, ends, then ACME", uploaded(ending), agent.OrderRunning, "ok", "шлюз получит автоматический"},
		{"uploaded, ends, ACME has one", uploaded(ending), agent.OrderDone, "ok", "шлюз получит автоматический"},
		{"uploaded, ends, private name", uploaded(ending), agent.OrderNever, "warn", "иначе шлюз перейдёт на собственный"},
		{"uploaded, ACME fails", uploaded(later), agent.OrderFailed, "ok", "автоматический получить не удаётся"},
		{"uploaded, ends, ACME fails", uploaded(ending), agent.OrderFailed, "warn", "автоматический получить не удаётся"},
		{"own", someCertificate(agent.SourceOwnRoot, "Ideco", "Ideco", later), agent.OrderFailed, "warn", "браузеры предупреждают"},
	} {
		orders := []agent.CertificateOrder{{Name: "gw.ru", State: c.state}}
		if c.cert.Source == agent.SourceUploaded {
			orders = append(orders, agent.CertificateOrder{Name: "gw.ru", State: agent.OrderUploaded, Then: c.state})
		}
		for _, order := range orders {
			d := AdminCertificateData{Domain: "gw.ru", Now: now, Served: []agent.ServedCertificate{{Port: agent.PortPortal, Name: "gw.ru", Certificate: c.cert}},
				Orders: []agent.CertificateOrder{order}}
			if v := d.verdict(l); v.Class != c.class || !strings.Contains(strings.Join(v.More, " "), c.says) {
				t.Errorf("%s, %s: %+v", c.name, order.State, v)
			}
		}
	}
	other := AdminCertificateData{Domain: "gw.ru", Now: now, Saved: ACMEForm{CA: CAOther, Terms: agent.TermsNone},
		Served: []agent.ServedCertificate{{Port: agent.PortPortal, Name: "gw.ru", Certificate: someCertificate(agent.SourceACME, "Company CA 2", "Company Root", later)}}}
	if v := other.verdict(l); v.Class != "ok" || !strings.Contains(strings.Join(v.More, " "), "только там, где установлен корневой сертификат") {
		t.Errorf("another authority: %+v", v)
	}
}

// TestCertificateTermsLink: only an address of the web becomes a link, in a window of its own that cannot reach the page.
func TestCertificateTermsLink(t *testing.T) {
	for terms, want := range map[string]bool{"https://ca.example/terms.pdf": true, "javascript:alert(1)": false, "http://ca.example/": false, "https:///x": false, "//ca.example": false} {
		doc := render(t, CertificateTerms(Page{L: locale.For("ru")}, CertificateTermsData{Token: "x", CA: "ca.example", Terms: terms}))
		links := doc.Find(".card a").FilterFunction(func(_ int, a *goquery.Selection) bool { return a.Text() == terms })
		if (links.Length() == 1) != want || want && (links.AttrOr("rel", "") != "noopener noreferrer" || links.AttrOr("target", "") != "_blank") {
			t.Errorf("%s: %d links", terms, links.Length())
		}
		if !want && !strings.Contains(doc.Find(".card code").Text(), terms) {
			t.Errorf("%s is not shown", terms)
		}
	}
}
