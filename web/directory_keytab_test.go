package web

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/jcmturner/gokrb5/v8/iana/etypeID"

	"ideco-agent/agent"
	"ideco-agent/agent/directory/kerberos/mint"
)

func companyKeytab(t *testing.T, realm string, etype int32) []byte {
	return mint.Keytab(t, mint.Key{Principal: "HTTP/gw.company.ru", Realm: realm, KVNO: 3, Password: mint.Password(), Type: etype})
}

// TestKeytabIsSealed: a keytab is stored encrypted, used after a restart, kept by later changes, and never returned. An unusable one is
// refused, and the former one stays. Without the key of the box, KeytabLost is set.
func TestKeytabIsSealed(t *testing.T) {
	d := newDirectoryTest(t)
	file := companyKeytab(t, "COMPANY.RU", 0)
	withKeytab := companySettings
	withKeytab.Keytab = file
	id := d.save(withKeytab)
	inUse := func() []byte { return d.network.set[0].Keytab }
	if !bytes.Equal(inUse(), file) {
		t.Error("the keytab is not used")
	}
	d.start()
	if !bytes.Equal(inUse(), file) {
		t.Error("the keytab is not used after a restart")
	}
	change := companySettings
	change.ID, change.Password, change.CheckInterval = id, "", 2*agent.DefaultCheckInterval
	d.save(change)
	if !bytes.Equal(inUse(), file) {
		t.Error("the keytab is gone after another change")
	}
	got, err := d.Get(t.Context(), id)
	if err != nil || got.Keytab != nil || len(got.KeytabKeys) != 1 || got.KeytabKeys[0] != (agent.KeytabKey{Principal: "HTTP/gw.company.ru@COMPANY.RU", KVNO: 3, Type: "AES256-SHA1", Usable: true}) {
		t.Errorf("%+v, %v", got, err)
	}
	if list, err := d.List(t.Context()); err != nil || list[0].Keytab != nil || len(list[0].KeytabKeys) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	stored, err := d.store.Directories(t.Context())
	if err != nil || stored[0].SealedKeytab == "" || bytes.Contains([]byte(stored[0].SealedKeytab), []byte("COMPANY")) {
		t.Errorf("%+v, %v", stored, err)
	}

	for code, file := range map[string][]byte{"field_keytab_realm": companyKeytab(t, "OTHER.RU", 0), "field_keytab_weak": companyKeytab(t, "COMPANY.RU", etypeID.RC4_HMAC), "field_keytab": []byte("no keytab")} {
		var problem agent.Problem
		if err := d.SetKeytab(t.Context(), id, file); !errors.As(err, &problem) || problem.Code != code {
			t.Errorf("%s: %v", code, err)
		}
		change.Keytab = file
		_, err := d.Save(t.Context(), change)
		wantProblem(t, code, err, "keytab", code)
	}
	if !bytes.Equal(inUse(), file) {
		t.Error("the keytab is gone after a refused one")
	}

	if err := d.SetKeytab(t.Context(), id, nil); err != nil || len(inUse()) > 0 {
		t.Errorf("removal: %v", err)
	}
	if err := d.SetKeytab(t.Context(), id, file); err != nil || !bytes.Equal(inUse(), file) {
		t.Errorf("upload: %v", err)
	}
	if err := d.SetKeytab(t.Context(), id+1, file); !errors.Is(err, agent.ErrNotFound) {
		t.Errorf("an unknown directory: %v", err)
	}
	if err := os.Remove(filepath.Join(d.dir, secretKeyFile)); err != nil {
		t.Fatal(err)
	}
	d.start()
	if got, err := d.Get(t.Context(), id); err != nil || !got.KeytabLost || len(inUse()) > 0 {
		t.Errorf("a lost key: %+v, %v", got, err)
	}
}

// TestServices: the service principals are those of the domain and of the target of its CNAME, without a port.
func TestServices(t *testing.T) {
	d := newDirectoryTest(t)
	for _, c := range []struct {
		domain, cname string
		fails         error
		want          []string
	}{
		{"gw.company.ru", "gw.company.ru.", nil, []string{"HTTP/gw.company.ru"}},
		{"gw.company.ru", "Host17.company.ru.", nil, []string{"HTTP/gw.company.ru", "HTTP/host17.company.ru"}},
		{"gw.company.ru", "", errors.New("no answer"), []string{"HTTP/gw.company.ru"}},
		{"192.0.2.1", "", nil, nil},
		{"", "", nil, nil},
	} {
		d.domain = func() string { return c.domain }
		d.cname = func(context.Context, string) (string, error) { return c.cname, c.fails }
		if got := d.Services(t.Context()); !slices.Equal(got, c.want) {
			t.Errorf("%q, %q: %q", c.domain, c.cname, got)
		}
	}
}

// TestKeytabStep: the test of a directory finds which service the keytab lacks. Without a keytab the step is left out.
func TestKeytabStep(t *testing.T) {
	d := newDirectoryTest(t)
	id := d.save(companySettings)
	d.cname = func(context.Context, string) (string, error) { return "host17.company.ru.", nil }
	step := func() (found agent.StepResult) {
		t.Helper()
		s := companySettings
		s.ID, s.Password = id, ""
		report, err := d.Test(t.Context(), s, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range report.Steps {
			if one.Step == agent.StepKeytab {
				found = one
			}
		}
		return found
	}
	if got := step(); got.Step != "" {
		t.Errorf("without a keytab: %+v", got)
	}
	if err := d.SetKeytab(t.Context(), id, companyKeytab(t, "COMPANY.RU", 0)); err != nil {
		t.Fatal(err)
	}
	if got := step(); got.Finding != agent.FindingNoServiceName || len(got.Details) != 1 {
		t.Errorf("without a domain: %+v", got)
	}
	d.domain = func() string { return "gw.company.ru" }
	if got := step(); got.State != agent.StepWarning || got.Finding != agent.FindingNoService || got.Args["Service"] != "HTTP/host17.company.ru" {
		t.Errorf("a CNAME: %+v", got)
	}
	d.cname = func(context.Context, string) (string, error) { return "gw.company.ru.", nil }
	if got := step(); got.State != agent.StepOK || got.Details[0] != "HTTP/gw.company.ru@COMPANY.RU, kvno 3, AES256-SHA1" {
		t.Errorf("all there: %+v", got)
	}
}
