// Package spelling decides which spellings of a login or a password are equal. Keyboards and systems write the same text in
// different bytes: macOS may send «й» as two code points, an input method may send full-width letters.
//
// These are the rules, for everything that the gateway itself keeps or counts:
//
//   - Logins are compared by [Login]: the profile UsernameCaseMapped of RFC 8265. Local accounts and the throttle use it.
//   - Passwords of local accounts are hashed as [Password] returns them: the profile OpaqueString of RFC 8265.
//   - Logins and passwords for a directory on the network go out as typed. That directory has its own rules.
//
// Earlier versions compared logins by case only, so a database may hold two accounts whose logins are equal by these rules. Both
// stay; LookAlikes in the package store finds them.
package spelling

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"
)

// Login returns the text in which all spellings of a login are equal: without surrounding space, full-width letters as
// usual ones, in lower case, in NFC. Where the profile refuses the login, for instance for a space inside, the result is the
// login in lower case and NFC.
func Login(login string) string {
	login = norm.NFC.String(strings.TrimSpace(login)) // so that the profile refuses either all spellings or none
	if key, err := precis.UsernameCaseMapped.String(login); err == nil {
		return key
	}
	return norm.NFC.String(strings.ToLower(login))
}

// Password returns the text in which all spellings of a password are equal: every kind of space as U+0020, in NFC. Where the
// profile refuses the password, for instance for a control character or bytes that are no UTF-8, the result is the password as typed.
func Password(password string) string {
	if opaque, err := precis.OpaqueString.String(password); err == nil && utf8.ValidString(password) {
		return opaque
	}
	return password
}
