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
	on := ACMEForm{CA: CALetsEncrypt, Terms: "https://terms.example"}
	for _, c := range []struct {
		name  string
		cert  agent.Certificate
		form  ACMEForm
		state agent.OrderState
		class string
		says  string
	}{
		{"Let's Encrypt", acme, on, agent.OrderDone, "ok", "Его выдал центр сертификации Let's Encrypt. Шлюз сам продлит его около 23.12.2026."},
		{"renewal fails", acme, on, agent.OrderFailed, "warn", "Продлить его пока не получается."},
		{"staging", someCertificate(agent.SourceACME, "(STAGING) Tenuous Tomato R13", "(STAGING) Pretend Pear X1", later), on, agent.OrderDone, "warn", "браузеры такому сертификату не доверяют"},
		{"organisation's", someCertificate(agent.SourceACME, "Company CA 2", "Company Root", later), on, agent.OrderDone, "ok", "Его выдал центр сертификации Company CA 2."},
		{"another authority", someCertificate(agent.SourceACME, "Company CA 2", "Company Root", later), ACMEForm{CA: CAOther, Terms: "none"}, agent.OrderDone, "ok", "только там, где установлен корневой сертификат"},
		{"uploaded, ends, ACME fails", someCertificate(agent.SourceUploaded, "Company CA 2", "Company Root", now.AddDate(0, 0, 13)), on, agent.OrderFailed, "warn", "автоматический получить пока не удалось"},
		{"uploaded", someCertificate(agent.SourceUploaded, "Company CA 2", "Company Root", later), ACMEForm{CA: CAOff}, agent.OrderUploaded, "ok", "иначе шлюз перейдёт на собственный"},
		{"uploaded, ends", someCertificate(agent.SourceUploaded, "Company CA 2", "Company Root", now.AddDate(0, 0, 13)), ACMEForm{CA: CAOff}, agent.OrderUploaded, "warn", "иначе шлюз перейдёт на собственный"},
		{"uploaded, ends, then ACME", someCertificate(agent.SourceUploaded, "Company CA 2", "Company Root", now.AddDate(0, 0, 13)), on, agent.OrderUploaded, "ok", "шлюз получит автоматический"},
		{"own", someCertificate(agent.SourceOwnRoot, "Ideco", "Ideco", later), on, agent.OrderFailed, "warn", "браузеры предупреждают"},
	} {
		d := AdminCertificateData{Domain: "gw.ru", Now: now, Saved: c.form, Served: []agent.ServedCertificate{{Port: agent.PortPortal, Name: "gw.ru", Certificate: c.cert}},
			Orders: []agent.CertificateOrder{{Name: "gw.ru", State: c.state}}}
		if v := d.verdict(l); v.Class != c.class || !strings.Contains(strings.Join(v.More, " "), c.says) {
			t.Errorf("%s: %+v", c.name, v)
		}
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

// TestCertificateEventLine: the history does not keep the arguments of a cause, so no line of it may show the dash for a missing one.
func TestCertificateEventLine(t *testing.T) {
	l := locale.For("ru")
	for _, cause := range []agent.CertificateCause{agent.CauseUnreachable, agent.CauseUntrustedCA, agent.CauseNoACME, agent.CauseStorage} {
		if line := eventLine(l, agent.CertificateEvent{Event: agent.EventFailed, Name: "gw.ru", Cause: cause}); line == "" || strings.Contains(line, "—") {
			t.Errorf("%s: %q", cause, line)
		}
	}
}
