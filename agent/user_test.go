package agent

import (
	"strings"
	"testing"
)

func TestCheckLogin(t *testing.T) {
	for login, code := range map[string]string{
		"ivanov":                            "",
		"андре\u0439":                       "",
		"андре\u0438\u0306":                 "",
		"":                                  "field_required",
		" ":                                 "field_required",
		strings.Repeat("и", MaxLogin+1):     "field_too_long",
		`company\ivanov`:                    "field_login_separator",
		"ivanov@company.ru":                 "field_login_separator",
		"ivanov\uff20company.ru":            "field_login_separator", // full width
		"company\uff3civanov":               "field_login_separator",
		"company\uff0fivanov":               "field_login_separator",
		"ivan ivanov":                       "field_login_characters",
		"ivan\u200bov":                      "field_login_characters",
		"ivanov\n" + strings.Repeat("x", 3): "field_login_characters",
	} {
		if p := CheckLogin(login); p.Code != code {
			t.Errorf("%+q: %q, want %q", login, p.Code, code)
		}
	}
}

// TestCheckPassword: the limits count what the person sees, whatever code points the keyboard sends.
func TestCheckPassword(t *testing.T) {
	for password, code := range map[string]string{
		"secret12":                      "",
		strings.Repeat("\u0439", 8):     "",
		strings.Repeat("й", 4):          "field_password_short",
		strings.Repeat("и\u0306", 7):    "field_password_short", // 14 code points
		strings.Repeat("и\u0306", 128):  "",                     // 512 bytes, 256 when composed
		strings.Repeat("и\u0306", 129):  "field_too_long",
		strings.Repeat("x", 257):        "field_too_long",
		strings.Repeat(" \u00a0", 8):    "field_required",
		strings.Repeat("e\u0301", 8):    "",
		strings.Repeat("ta\u0309i", 2):  "field_password_short",
		strings.Repeat("ta\u0309i ", 2): "",
	} {
		if p := CheckPassword(password); p.Code != code {
			t.Errorf("%+q: %q, want %q", password, p.Code, code)
		}
	}
}

func TestUpdated(t *testing.T) {
	u := User{ID: 1, Login: "a", Directory: "company.ru", Enabled: true, Phone: "1", Comment: "c", GUID: "g", Refused: CodeNotPermitted}
	p := DirectoryPerson{Directory: "company.ru", GUID: "g", Login: "b", Name: "B", Remote: true}
	want := u
	want.Login, want.Name, want.Refused = "b", "B", ""
	if got := u.Updated(p); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	u.RemoteByGroups, p.Phone, p.Refused = true, "2", CodeAccountExpired
	want.RemoteByGroups, want.RemoteAccess, want.Phone, want.Refused = true, true, "2", CodeAccountExpired
	if got := u.Updated(p); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for _, code := range []Code{CodeAccountLocked, CodePasswordExpired} { // these refuse new logins only
		p.Refused = code
		if got := u.Updated(p); got.Refused != "" {
			t.Errorf("%s: refused is %q", code, got.Refused)
		}
	}
}
