package agent

import (
	"strings"
	"testing"
)

func TestCheckLogin(t *testing.T) {
	for login, code := range map[string]string{
		"ivanov":                        "",
		"андре\u0439":                   "",
		"андре\u0438\u0306":             "",
		"":                              "field_required",
		" ":                             "field_required",
		strings.Repeat("и", MaxLogin+1): "field_too_long",
		`company\ivanov`:                "field_login_separator",
		"ivanov@company.ru":             "field_login_separator",
		"ivanov\uff20company.ru":        "field_login_separator", // full width
		"company\uff3civanov":           "field_login_separator",
		"company\uff0fivanov":           "field_login_separator",
		"ivan ivanov":                   "field_login_characters",
		"ivan\u200bov":                  "field_login_characters",
		"ivanov\nxxx":                   "field_login_characters",
	} {
		if p := CheckLogin(login); p.Code != code {
			t.Errorf("%+q: %q, want %q", login, p.Code, code)
		}
	}
}

// TestCheckPassword: both limits apply to the composed password, whatever code points the keyboard sends: the lower one to its
// characters, the upper one to its bytes.
func TestCheckPassword(t *testing.T) {
	for password, code := range map[string]string{
		"secret12":                      "",
		strings.Repeat("\u0439", 8):     "",
		strings.Repeat("\u0439", 4):     "field_password_short", // 8 bytes
		strings.Repeat("и\u0306", 7):    "field_password_short", // 14 code points
		strings.Repeat("и\u0306", 128):  "",                     // 512 bytes, 256 when composed
		strings.Repeat("и\u0306", 129):  "field_too_long",
		strings.Repeat("x", 257):        "field_too_long",
		strings.Repeat(" \u00a0", 8):    "field_required",
		strings.Repeat("e\u0301", 8):    "",
		strings.Repeat("ta\u0309i", 2):  "field_password_short", // 6 characters, 8 code points
		strings.Repeat("ta\u0309i ", 2): "",
	} {
		if p := CheckPassword(password); p.Code != code {
			t.Errorf("%+q: %q, want %q", password, p.Code, code)
		}
	}
}
