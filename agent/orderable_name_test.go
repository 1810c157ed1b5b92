package agent

import "testing"

func TestOrderableName(t *testing.T) {
	for name, want := range map[string]CertificateCause{
		"gw.company.ru":         "",
		"company.ru":            "",
		"xn--80adxhks.xn--p1ai": "",
		"local.company.ru":      "",
		"notlocal.ru":           "",
		"gw.mylan":              "", // the CA knows the list of public domains
		"gw":                    CauseSingleLabel,
		"gw.company.local":      CausePrivateName,
		"gw.lan":                CausePrivateName,
		"gw.home.arpa":          CausePrivateName,
		"localhost":             CausePrivateName,
		"gw.internal":           CausePrivateName,
		"10.0.0.1":              CauseAddress,
		"203.0.113.7":           CauseAddress,
		"2001:db8::1":           CauseAddress,
	} {
		if got, ok := OrderableName(name); got != want || ok != (want == "") {
			t.Errorf("%s: %q, %v; want %q", name, got, ok, want)
		}
	}
}
