//go:build ad

package directory

import (
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/agent/directory/lab"
)

// testOf tests settings and returns the report and the result of one step.
func testOf(t *testing.T, s agent.DirectorySettings, login string, step agent.DirectoryStep, local ...agent.User) (agent.DirectoryReport, agent.StepResult) {
	t.Helper()
	d := New(NewLocal(accounts{}, slog.New(slog.DiscardHandler)), &memoryPeople{}, slog.New(slog.DiscardHandler))
	report := d.Test(t.Context(), s, login, local)
	i := slices.IndexFunc(report.Steps, func(r agent.StepResult) bool { return r.Step == step })
	if i < 0 {
		t.Fatalf("no step %s in %+v", step, report.Steps)
	}
	return report, report.Steps[i]
}

// TestADReport: a working directory passes every step, and each fault is named at its step.
func TestADReport(t *testing.T) {
	ad := lab.NewAD(t)
	working := labSettings(agent.DirectoryAD, ad.Directory)
	working.Controllers = nil // by SRV records
	o := newOffice(t, working)
	working.LoginGroups = o.group(t, working, "Domain Users")

	report, _ := testOf(t, working, `EXAMPLE\alice`, agent.StepPerson, agent.User{ID: 7, Login: "BOB", Directory: agent.LocalDirectory},
		agent.User{ID: 8, Login: "stranger", Directory: agent.LocalDirectory}, agent.User{ID: 9, Login: "PC1$", Directory: agent.LocalDirectory})
	var steps []agent.DirectoryStep
	for _, s := range report.Steps {
		steps = append(steps, s.Step)
		if s.State != agent.StepOK && s.Step != agent.StepLocal || s.Took <= 0 {
			t.Errorf("%+v", s)
		}
	}
	want := slices.DeleteFunc(slices.Clone(agent.DirectorySteps), func(s agent.DirectoryStep) bool { return s == agent.StepKeytab }) // there is none
	if !report.OK() || !slices.Equal(steps, want) {
		t.Errorf("%v: %v", report.OK(), steps)
	}
	if p := report.Person; p == nil || p.Login != "alice" || p.Refused != "" || !slices.Contains(p.Groups, "VPN-Users") || !slices.Contains(p.Groups, "Domain Users") {
		t.Errorf("%+v", p)
	}
	if len(report.Local) != 1 || report.Local[0].User.ID != 7 || report.Local[0].Person.Login != "bob" {
		t.Errorf("%+v", report.Local)
	}
	if len(report.Certificates) == 0 || !report.Certificates[0].Trusted || report.Certificates[0].SHA256 == "" {
		t.Errorf("%+v", report.Certificates)
	}
	typed := working // and not saved yet
	typed.LoginGroups, typed.RemoteGroups = []agent.DirectoryGroup{{Name: "vpn-users"}}, []agent.DirectoryGroup{{Name: ad.GroupDN("Staff")}}
	report, result := testOf(t, typed, "alice", agent.StepGroups)
	if p := report.Person; result.State != agent.StepOK || p == nil || p.Refused != "" || !p.Remote || typed.LoginGroups[0].ID != "" {
		t.Errorf("groups that were typed: %+v, %+v", result, p)
	}
	typed.LoginGroups = []agent.DirectoryGroup{{Name: "Nobodies"}}
	if _, result := testOf(t, typed, "", agent.StepGroups); result.Finding != agent.FindingNoGroup || result.Args["Group"] != "Nobodies" {
		t.Errorf("a typed group that does not exist: %+v", result)
	}
	if bad := ad.BadPasswords(t, "alice"); bad != 0 {
		t.Error("the test has sent a password of alice")
	}

	for name, c := range map[string]struct {
		change  func(*agent.DirectorySettings)
		login   string
		step    agent.DirectoryStep
		state   agent.StepState
		finding agent.DirectoryFinding
		reason  agent.Code
	}{
		"DNS server away":   {func(s *agent.DirectorySettings) { s.DNS = []netip.Addr{lab.Address(lab.Silent)} }, "", agent.StepControllers, agent.StepFailed, agent.FindingNoDNS, ""},
		"another domain":    {func(s *agent.DirectorySettings) { s.Name = "other.test" }, "", agent.StepControllers, agent.StepFailed, agent.FindingNoSRV, ""},
		"unknown name":      {func(s *agent.DirectorySettings) { s.Controllers = []string{"dc9.example.test"} }, "", agent.StepConnect, agent.StepFailed, agent.FindingUnresolved, ""},
		"silent controller": {func(s *agent.DirectorySettings) { s.Controllers = []string{lab.Silent} }, "", agent.StepConnect, agent.StepFailed, agent.FindingNoAnswer, ""},
		"closed port":       {func(s *agent.DirectorySettings) { s.Controllers = []string{lab.DC1 + ":637"} }, "", agent.StepConnect, agent.StepFailed, agent.FindingConnRefused, ""},
		"one of two away":   {func(s *agent.DirectorySettings) { s.Controllers = []string{lab.Silent, lab.DC1} }, "", agent.StepConnect, agent.StepWarning, agent.FindingNoAnswer, ""},
		"no CA":             {func(s *agent.DirectorySettings) { s.CA = "" }, "", agent.StepCertificate, agent.StepFailed, agent.FindingUnknownCA, ""},
		"wrong name":        {func(s *agent.DirectorySettings) { s.TLSName = "dc.other.test" }, "", agent.StepCertificate, agent.StepFailed, agent.FindingWrongName, ""},
		"wrong password":    {func(s *agent.DirectorySettings) { s.Password = "wrong" }, "", agent.StepBind, agent.StepFailed, agent.FindingSearchCredential, ""},
		"lost password":     {func(s *agent.DirectorySettings) { s.PasswordLost, s.Password = true, "" }, "", agent.StepBind, agent.StepFailed, agent.FindingPasswordLost, ""},
		"disabled account": {func(s *agent.DirectorySettings) { s.User, s.Password = "disabled@example.test", lab.Password }, "", agent.StepBind, agent.StepFailed,
			agent.FindingSearchAccount, agent.CodeAccountDisabled},
		"no base":    {func(s *agent.DirectorySettings) { s.Bases = []string{"OU=Gone," + lab.BaseDN} }, "", agent.StepBases, agent.StepFailed, agent.FindingNoBase, ""},
		"empty base": {func(s *agent.DirectorySettings) { s.Bases = []string{ad.GroupsDN} }, "", agent.StepBases, agent.StepWarning, agent.FindingEmptyBase, ""},
		"deleted group": {func(s *agent.DirectorySettings) {
			s.RemoteGroups = []agent.DirectoryGroup{{ID: "S-1-5-21-1-2-3-4444", Name: "Gone"}}
		}, "", agent.StepGroups, agent.StepFailed, agent.FindingNoGroup, ""},
		"everybody":       {func(s *agent.DirectorySettings) { s.LoginGroups = nil }, "", agent.StepGroups, agent.StepWarning, agent.FindingEverybody, ""},
		"limit of one":    {func(s *agent.DirectorySettings) { s.LockoutLimit = 1 }, "", agent.StepLockout, agent.StepWarning, agent.FindingLockoutOne, ""},
		"nobody":          {func(*agent.DirectorySettings) {}, "nobody", agent.StepPerson, agent.StepFailed, agent.FindingNoPerson, ""},
		"other domain":    {func(*agent.DirectorySettings) {}, `OTHER\alice`, agent.StepPerson, agent.StepFailed, agent.FindingNoPerson, ""},
		"expired person":  {func(*agent.DirectorySettings) {}, "expired", agent.StepPerson, agent.StepWarning, agent.FindingPersonRefused, agent.CodeAccountExpired},
		"old password":    {func(*agent.DirectorySettings) {}, "pwexpired@example.test", agent.StepPerson, agent.StepWarning, agent.FindingPersonRefused, agent.CodePasswordExpired},
		"smart card only": {func(*agent.DirectorySettings) {}, "smartcard", agent.StepPerson, agent.StepWarning, agent.FindingPersonRefused, agent.CodeSmartcardRequired},
		"in no group": {func(s *agent.DirectorySettings) {
			s.LoginGroups = []agent.DirectoryGroup{{ID: "S-1-5-32-544", Name: "Administrators"}}
		}, "alice", agent.StepPerson, agent.StepWarning, agent.FindingNotInGroup, agent.CodeNotPermitted},
	} {
		t.Run(name, func(t *testing.T) {
			s := working
			c.change(&s)
			report, result := testOf(t, s, c.login, c.step)
			if result.State != c.state || result.Finding != c.finding || result.Reason != c.reason {
				t.Errorf("%+v", result)
			}
			if failed := c.state == agent.StepFailed; report.OK() == failed {
				t.Errorf("OK is %v", report.OK())
			}
			for _, s := range report.Steps {
				if s.State == agent.StepSkipped && (s.Took != 0 || c.state != agent.StepFailed) || strings.Contains(strings.Join(s.Details, ""), "wrong") {
					t.Errorf("%+v", s)
				}
			}
		})
	}
	// Without the CA, the page shows the certificates of the controller, to be trusted.
	untrusted := working
	untrusted.CA = ""
	report, _ = testOf(t, untrusted, "", agent.StepCertificate)
	if len(report.Certificates) == 0 || report.Certificates[0].Trusted {
		t.Fatalf("%+v", report.Certificates)
	}
	untrusted.CA = report.Certificates[0].PEM
	if report, result := testOf(t, untrusted, "", agent.StepCertificate); !report.OK() || result.State != agent.StepOK {
		t.Errorf("a trusted certificate of the controller itself: %+v", result)
	}
}
