package locale

import (
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
)

// TestCertificateTextsAreWholeSentences: without arguments no text shows a hole, and each ends as a sentence.
func TestCertificateTextsAreWholeSentences(t *testing.T) {
	for _, l := range localizers() {
		var texts []string
		for _, cause := range agent.CertificateCauses {
			texts = append(texts, l.CertificateCause(agent.CertificateProblem{Code: cause}), l.CertificateCure(agent.CertificateProblem{Code: cause}))
		}
		for _, check := range agent.NameCheckKinds {
			texts = append(texts, l.NameCheck(agent.NameCheck{Check: check}))
		}
		for _, text := range texts {
			if strings.HasPrefix(text, "certificate_") || strings.Contains(text, "<no value>") || strings.Contains(text, "{") || !strings.HasSuffix(text, ".") {
				t.Errorf("%s: %q", l.Lang(), text)
			}
		}
		for _, event := range agent.CertificateEventKinds {
			if text := l.CertificateEvent(event); strings.HasPrefix(text, "certificate_") {
				t.Errorf("%s: no text for the event %s", l.Lang(), event)
			}
		}
	}
}

func TestCertificateTexts(t *testing.T) {
	until := time.Date(2026, 11, 23, 14, 5, 0, 0, time.Local)
	for want, got := range map[string]string{
		"Центр сертификации не смог подключиться к gw.company.ru: адрес 192.0.2.1, порт 80.": For("ru").CertificateCause(agent.CertificateProblem{
			Code: agent.CauseConnection, Args: map[string]string{"Name": "gw.company.ru", "Address": "192.0.2.1", "Port": "80"}}),
		"The certification authority takes no orders for gw.company.ru for now, because its limit is used up. Ordering will be possible again: 23 Nov 2026 14:05.": For("en").CertificateCause(
			agent.CertificateProblem{Code: agent.CauseRateLimited, Args: map[string]string{"Name": "gw.company.ru", "Until": until.Format(time.RFC3339)}}),
		"A CAA record of company.ru lets only these authorities issue certificates for {{.Name}}: ca.example.": For("en").NameCheck(agent.NameCheck{Check: agent.CheckCAA,
			Args: map[string]string{"Name": "{{.Name}}", "Domain": "company.ru", "Issuers": "ca.example"}}),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
