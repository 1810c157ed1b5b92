package protocol

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
)

// filled has a message of every type with all fields set, by sender.
var filled = map[string][]any{
	"agent": {
		&Version{TypeVersion, 1, 2, 3, "windows"},
		&Authorize{TypeAuthorize, `company\Иванов`, "п@роль\"\\", &Device{"d1", "ПК-7", "windows"}, "token"},
		&Unauthorize{TypeUnauthorize},
		&TunnelRequest{TypeTunnelWG, "cHVibGlj"},
		&AddressTokenRequest{TypeAddressToken},
		&ChangePassword{TypeChangePassword, "ivanov", "old", "new", &Device{"d1", "ПК-7", "windows"}},
		&SSORequest{TypeSSO, pointer("YII="), pointer("s1"), "company.ru", &Device{"d1", "ПК-7", "windows"}},
	},
	"gateway": {
		&Update{TypeUpdate, true, pointer(":14765/IdecoAgent.msi"), &Number{1, 2, 3}, []string{"password"}, []string{"company.ru"}},
		&AuthState{TypeAuthState, true, true, 60, "Вы вошли.", "bad_credentials", "s1", "10.0.0.5", "token", "2026-11-23T14:05:00Z", 30, true},
		&TunnelReply{TypeTunnelWG, 3051, "cHVibGlj", "10.128.0.7/16", "10.128.0.1", []string{"0.0.0.0/0"}, "company.ru", "c2VjcmV0", 1420, 25},
		&Ended{TypeEnded, "admin", "Конец."},
		&Notice{TypeNotice, NoticeExpiring, "Скоро.", "2026-11-23T14:05:00Z"},
		&AddressToken{TypeAddressToken, "token", 60, []string{"https://192.168.1.1:14765/address", "https://[fd00::1]:14765/address"}},
		&SSOReply{TypeSSO, SSOChallenge, "s1", "gw.company.ru"},
		&Trust{TypeTrust, "gw.company.ru", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=", "2026-12-27T00:00:00Z", "MEUCIQ=="},
		&Error{TypeError, "bad_message", "Не понято."},
	},
}

var known = map[string]map[string]func() any{"agent": FromAgent, "gateway": FromGateway}

func pointer(s string) *string { return &s }

func TestRoundTrip(t *testing.T) {
	for side, messages := range filled {
		seen := map[string]bool{}
		for _, m := range messages {
			if v := reflect.ValueOf(m).Elem(); v.NumField() > 1 {
				for i := 0; i < v.NumField(); i++ {
					if v.Field(i).IsZero() {
						t.Errorf("%T: the test leaves %s empty", m, v.Type().Field(i).Name)
					}
				}
			}
			frame, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Parse(frame, known[side])
			if err != nil || !reflect.DeepEqual(got, m) {
				t.Errorf("%s became %+v, %v", frame, got, err)
			}
			seen[reflect.ValueOf(m).Elem().Field(0).String()] = true
		}
		for name := range known[side] {
			if !seen[name] {
				t.Errorf("no test for %s from the %s", name, side)
			}
		}
	}
}

// TestPublishedFormat: messages have all fields that the vendor publishes. Fields of ours are left out when they are empty.
func TestPublishedFormat(t *testing.T) {
	for want, m := range map[string]any{
		`{"type":"version","major":1,"minor":0,"build":0,"os":"linux"}`:                         Version{Type: TypeVersion, Major: 1, OS: "linux"},
		`{"type":"update","need_update":false,"download_url":null}`:                             Update{Type: TypeUpdate},
		`{"type":"authorize","login":"ivanov","password":""}`:                                   Authorize{Type: TypeAuthorize, Login: "ivanov"},
		`{"type":"auth_state","authorized":false,"need_tunnel":false,"timeout":0,"message":""}`: AuthState{Type: TypeAuthState},
		`{"type":"unauthorize"}`:               Unauthorize{TypeUnauthorize},
		`{"type":"tunnel_wg","public_key":""}`: TunnelRequest{Type: TypeTunnelWG},
		`{"type":"tunnel_wg","server_port":0,"public_key":"","client_tunnel_ipv4":"","dns_ipv4":"","forward_nets":null,"dns_suffix":""}`: TunnelReply{Type: TypeTunnelWG},
	} {
		if got, err := json.Marshal(m); err != nil || string(got) != want {
			t.Errorf("%s\nwant %s, %v", got, want, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	var unknown *UnknownTypeError
	for _, frame := range []string{`{"type":"ztna"}`, `{}`, `null`, `{"type":"Version"}`, `{"type":"auth_state"}`} {
		if m, err := Parse([]byte(frame), FromAgent); !errors.As(err, &unknown) || m != nil {
			t.Errorf("%s: %v, %v", frame, m, err)
		}
	}
	for _, frame := range []string{``, `{`, `[]`, `"version"`, `5`, `{"type":5}`, `{"type":"version"}x`, `{"type":"version"}{"type":"version"}`,
		`{"type":"version","major":"1"}`, `{"type":"version","major":1.5}`, `{"type":"authorize","device":[]}`, "\xff"} {
		if m, err := Parse([]byte(frame), FromAgent); err == nil || errors.As(err, &unknown) || m != nil {
			t.Errorf("%s: %v, %v", frame, m, err)
		}
	}
	if _, err := Parse([]byte(`{"type":"version","major":1,"newer":{"x":[1]}}`), FromAgent); err != nil {
		t.Errorf("an unknown field: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, messages := range filled {
		for _, m := range messages {
			frame, err := json.Marshal(m)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(frame)
		}
	}
	for _, s := range []string{``, `{}`, `null`, `{"type":"version","type":"authorize"}`, `{"TYPE":"version"}`, `{"type":"\ud800"}`,
		`{"type":"authorize","device":null}`, `{"type":"update","requires":[]}`, `{"type":"auth_state","timeout":99999999999999999999}`, `{"type":{"type":"ended"}}`,
		`{"type":"address_token","urls":null,"ttl":-1}`, `{"type":"address_token","urls":[null,""]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		for side, messages := range known {
			m, err := Parse(frame, messages)
			if err != nil {
				if m != nil {
					t.Errorf("%s: an error and %+v", side, m)
				}
				_ = err.Error()
				continue
			}
			// A decoded message is encoded without loss.
			again, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			m, err = Parse(again, messages)
			if err != nil {
				t.Fatalf("%s: %s: %v", side, again, err)
			}
			if thrice, err := json.Marshal(m); err != nil || string(thrice) != string(again) {
				t.Errorf("%s: %s became %s, %v", side, again, thrice, err)
			}
		}
	})
}
