package ticket

import (
	"context"
	"errors"
	"strings"
	"testing"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
)

// fakeSSPI records the calls and returns the errors.
type fakeSSPI struct {
	environment         map[string]string
	acquireErr, initErr error
	calls               []string
}

func (f *fakeSSPI) tickets() sspiTickets {
	return sspiTickets{sspi{
		getenv: func(name string) string { return f.environment[name] },
		acquire: func(securityPackage string) (any, error) {
			f.calls = append(f.calls, "acquire "+securityPackage)
			return "c", f.acquireErr
		},
		initialize: func(credentials any, service string, flags uint32) ([]byte, error) {
			f.calls = append(f.calls, "initialize "+credentials.(string)+" "+service)
			if flags&(1|2|4|0x200) != 0 { // delegation, mutual authentication, replay detection, DCE style
				f.calls = append(f.calls, "with other flags")
			}
			return []byte("token"), f.initErr
		},
		release: func(credentials any) { f.calls = append(f.calls, "release "+credentials.(string)) },
	}}
}

// The credentials are released after every call. The package is never Negotiate, which would send NTLM.
func TestSSPI(t *testing.T) {
	inDomain := map[string]string{"USERNAME": "ivanov", "USERDNSDOMAIN": "COMPANY.RU"}
	const all = "acquire Kerberos|initialize c HTTP/gw.ru|release c"
	for _, c := range []struct {
		name                string
		acquireErr, initErr error
		environment         map[string]string
		key, calls          string
	}{
		{"a ticket", nil, nil, inDomain, "", all},
		{"not in a domain", statusNoCredentials, nil, nil, locale.SSONotInDomain, "acquire Kerberos"},
		{"Kerberos is missing", statusPackageNotFound, nil, nil, locale.SSONotInDomain, "acquire Kerberos"},
		{"no such service", nil, statusTargetUnknown, inDomain, locale.SSONoService, all},
		{"no controller", nil, statusNoAuthority, inDomain, locale.SSONoDomain, all},
		{"no controller, because in no domain", nil, statusNoAuthority, nil, locale.SSONotInDomain, all},
		{"a local user", nil, statusNoCredentials, map[string]string{"USERNAME": "ivanov"}, locale.SSONotInDomain, all},
		{"the clock is wrong", nil, statusTimeSkew, inDomain, locale.SSOClock, all},
		{"too large", nil, statusBufferTooSmall, inDomain, locale.SSOTooLarge, all},
		{"another status", nil, sspiStatus(0x80090304), inDomain, locale.SSOFailed, all},
		{"another error", nil, errors.New("broken"), inDomain, locale.SSOFailed, all},
	} {
		f := &fakeSSPI{environment: c.environment, acquireErr: c.acquireErr, initErr: c.initErr}
		token, err := f.tickets().Token(context.Background(), "HTTP/gw.ru")
		var problem *client.TicketProblem
		switch {
		case c.key == "":
			if err != nil || string(token) != "token" {
				t.Errorf("%s: %q, %v", c.name, token, err)
			}
		case !errors.As(err, &problem) || problem.Key != c.key || token != nil:
			t.Errorf("%s: %q, %v", c.name, token, err)
		}
		if got := strings.Join(f.calls, "|"); got != c.calls {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

func TestSSPIPerson(t *testing.T) {
	for want, environment := range map[string]map[string]string{
		"ivanov@COMPANY.RU": {"USERNAME": "ivanov", "USERDNSDOMAIN": "COMPANY.RU"},
		"":                  {"USERNAME": "ivanov", "USERDOMAIN": "PC-7"},
	} {
		if got := (&fakeSSPI{environment: environment}).tickets().Person(); got != want {
			t.Errorf("%v: %q", environment, got)
		}
	}
}

// A call that hangs ends with the context.
func TestCallWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	forever := make(chan struct{})
	defer close(forever)
	if token, err := callWithContext(ctx, func() ([]byte, error) { <-forever; return []byte("late"), nil }); token != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%q, %v", token, err)
	}
}
