package agent

import (
	"strings"
	"testing"
)

func TestACMEChange(t *testing.T) {
	for name, c := range map[string]struct {
		change ACMEChange
		fields string // with a problem
	}{
		"Let's Encrypt":        {ACMEChange{Directory: LetsEncrypt, Email: "it@company.ru"}, ""},
		"no e-mail":            {ACMEChange{Directory: LetsEncrypt}, ""},
		"off":                  {ACMEChange{}, ""},
		"a port and a path":    {ACMEChange{Directory: "https://ca.company.local:9443/acme/dir?x=1"}, ""},
		"by address":           {ACMEChange{Directory: "https://10.0.0.5/dir"}, ""},
		"binding":              {ACMEChange{Directory: LetsEncrypt, EABKeyID: "kid-1", EABKey: "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"}, ""},
		"stored key":           {ACMEChange{Directory: LetsEncrypt, EABKeyID: "kid-1"}, ""},
		"plain HTTP":           {ACMEChange{Directory: "http://ca.company.ru/dir"}, "directory"},
		"no host":              {ACMEChange{Directory: "https:///dir"}, "directory"},
		"no URL":               {ACMEChange{Directory: "ca.company.ru"}, "directory"},
		"a password in it":     {ACMEChange{Directory: "https://u:p@ca.company.ru/dir"}, "directory"},
		"too long":             {ACMEChange{Directory: "https://ca.company.ru/" + strings.Repeat("x", 500)}, "directory"},
		"name before e-mail":   {ACMEChange{Directory: LetsEncrypt, Email: "IT <it@company.ru>"}, "email"},
		"two addresses":        {ACMEChange{Directory: LetsEncrypt, Email: "a@company.ru,b@company.ru"}, "email"},
		"not ASCII":            {ACMEChange{Directory: LetsEncrypt, Email: "почта@company.ru"}, "email"},
		"line end":             {ACMEChange{Directory: LetsEncrypt, Email: "it@company.ru\nx"}, "email"},
		"garbage as root":      {ACMEChange{Directory: LetsEncrypt, RootPEM: "garbage"}, "directory_root_pem"},
		"key without its ID":   {ACMEChange{Directory: LetsEncrypt, EABKey: "AAAA"}, "eab_key_id"},
		"not base64":           {ACMEChange{Directory: LetsEncrypt, EABKeyID: "kid", EABKey: "!"}, "eab_hmac_key"},
		"several fields":       {ACMEChange{Directory: "x", Email: "x"}, "email directory"},
		"off with a bad field": {ACMEChange{RootPEM: "garbage", EABKey: "!"}, ""},
	} {
		_, problems := c.change.Normalize()
		var fields []string
		for _, p := range problems {
			fields = append(fields, p.Field)
		}
		if got := strings.Join(fields, " "); got != c.fields {
			t.Errorf("%s: problems with %q, want %q", name, got, c.fields)
		}
	}
}

func TestACMEChangeNormalize(t *testing.T) {
	got, problems := ACMEChange{Directory: " https://ca.company.ru/dir ", Email: " it@company.ru", EABKeyID: "kid ", EABKey: "+/8="}.Normalize()
	if want := (ACMEChange{Directory: "https://ca.company.ru/dir", Email: "it@company.ru", EABKeyID: "kid", EABKey: "-_8"}); len(problems) > 0 || got != want {
		t.Errorf("got %+v, %v, want %+v", got, problems, want)
	}
	got, _ = ACMEChange{Email: "it@company.ru", EABKeyID: "kid", RootPEM: "x"}.Normalize()
	if want := (ACMEChange{Email: "it@company.ru"}); got != want {
		t.Errorf("without a directory %+v, want %+v", got, want)
	}
}
