package templates

import (
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"ideco-agent/agent"
	"ideco-agent/templates/guide"
	"ideco-agent/templates/locale"
)

// TestLDAPSScript: the manual has the same PowerShell lines as the page.
func TestLDAPSScript(t *testing.T) {
	for _, lang := range locale.Languages {
		p, _ := guide.Find(lang, "directories")
		doc, err := goquery.NewDocumentFromReader(strings.NewReader(string(p.Body)))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(doc.Find("code.language-powershell").Text()); got != ldapsScript {
			t.Errorf("%s: the manual has\n%s", lang, got)
		}
	}
}

// someDirectories returns directories with hostile text, one of them unreachable.
func someDirectories() []DirectoryRow {
	d := agent.DirectorySettings{ID: 3, Kind: agent.DirectoryAD, Name: hostile, Default: true, PasswordLost: true}
	return []DirectoryRow{
		{DirectorySettings: d, Sessions: 12, Status: agent.DirectoryStatus{Checked: now,
			Controllers: []agent.ControllerStatus{{Host: hostile, Since: now}, {Host: "dc2", Reachable: true, Since: now, Latency: 3 * time.Millisecond}},
			Withheld:    &agent.WithheldCheck{At: now, Sessions: 7, Of: 12, Missing: []string{hostile}}}},
		{DirectorySettings: agent.DirectorySettings{ID: 4, Kind: agent.DirectoryOpenLDAP, Name: "other.test"}},
	}
}

func someCertificates() []agent.DirectoryCertificate {
	return []agent.DirectoryCertificate{
		{Subject: hostile, Issuer: hostile, Names: []string{hostile}, NotBefore: now, NotAfter: now.AddDate(5, 0, 0), SHA256: "aabb01", CA: true, PEM: hostile},
		{Subject: "CN=dc1", Issuer: "CN=ca", SHA256: "ccdd", PEM: "pem"},
	}
}

// someReport returns a report with every step, every finding and every state.
func someReport() *agent.DirectoryReport {
	r := &agent.DirectoryReport{Certificates: someCertificates(),
		Person: &agent.PersonReport{DirectoryPerson: agent.DirectoryPerson{Login: hostile, UPN: hostile, Name: hostile, Phone: hostile, Refused: agent.CodeAccountLocked},
			DN: hostile, Groups: []string{hostile, "b"}},
		Local: []agent.LocalLogin{{User: agent.User{ID: 7, Login: hostile, Name: hostile}, Person: agent.DirectoryPerson{Name: hostile}}, {User: agent.User{ID: 1, Login: "boss", Admin: true}}},
	}
	args := map[string]string{}
	for _, name := range []string{"Server", "Name", "Host", "Issuer", "Names", "Until", "Error", "Base", "Group", "Limit", "Minutes", "Login", "Service"} {
		args[name] = hostile
	}
	for _, step := range agent.DirectorySteps {
		r.Steps = append(r.Steps, agent.StepResult{Step: step, State: agent.StepOK, Took: 1234 * time.Millisecond, Details: []string{hostile}})
	}
	for _, finding := range agent.DirectoryFindings {
		r.Steps = append(r.Steps, agent.StepResult{Step: agent.StepConnect, State: agent.StepFailed, Finding: finding, Args: args, Reason: agent.CodePasswordExpired})
	}
	r.Steps[1].State, r.Steps[2].State = agent.StepWarning, agent.StepSkipped
	return r
}

func fullDirectory(errors map[string]string) AdminDirectoryData {
	return AdminDirectoryData{ID: 3, Name: hostile, PasswordLost: true, Errors: errors, Trusted: someCertificates(), Report: someReport(),
		Form: DirectoryForm{Kind: hostile, Name: hostile, User: hostile, Draft: hostile, DNS: hostile, Controllers: hostile, Transport: hostile, TLSName: hostile,
			Bases: hostile, CA: hostile, LoginGroups: hostile, RemoteGroups: hostile, LockoutLimit: hostile, Login: hostile, GroupText: hostile},
		Keys: []agent.KeytabKey{{Principal: hostile, KVNO: 7, Type: hostile, Usable: true}, {Principal: "b", Type: "RC4"}}, KeytabLost: true,
		Services: []WantedService{{hostile, true}, {hostile, false}},
		Groups:   []agent.DirectoryGroup{{ID: "S-1", Name: hostile, DN: hostile}, {ID: "S-2", Name: "b", DN: "c"}}}
}
