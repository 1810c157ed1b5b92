package agent

import (
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// ErrNotFound says that the object with this ID does not exist.
var ErrNotFound = errors.New("not found")

// ErrLoginTaken says that another account has the login, regardless of case.
var ErrLoginTaken = errors.New("login is taken")

// ErrLastAdministrator says that no administrator who can sign in would remain.
var ErrLastAdministrator = errors.New("the last administrator must stay")

// ErrAdministratorExists says that the first administrator exists already.
var ErrAdministratorExists = errors.New("an administrator exists")

// UserID identifies an account. Two logins with the same UserID are the same person.
type UserID int64

// LocalDirectory is the Directory of local accounts, which the gateway stores.
const LocalDirectory = "local"

// User is a person's account, local or known from a directory.
type User struct {
	ID           UserID
	Login        string // without a domain; unique within a directory, regardless of case
	Name         string // "Иванов Иван"; may be empty
	Directory    string // LocalDirectory or the directory's domain name
	Enabled      bool
	Admin        bool // may administer the gateway; only local accounts
	RemoteAccess bool // «Разрешить удалённый доступ через VPN»
	Phone        string
	Comment      string
	Created      time.Time
}

// Local reports whether the gateway stores the account and its password.
func (u User) Local() bool { return u.Directory == LocalDirectory }

// Title returns the name or, if it is empty, the login.
func (u User) Title() string {
	if u.Name != "" {
		return u.Name
	}
	return u.Login
}

// Limits of typed text, in characters (runes) unless noted.
const (
	MaxLogin       = 64
	MaxName        = 128
	MaxPassword    = 256 // bytes; the limit is checked before hashing
	MinPassword    = 8   // for new passwords
	MaxDeviceName  = 64
	MaxPhone       = 32
	MaxComment     = 500
	MaxLoginTyped  = 320 // bytes of a login in a sign-in, with a domain
	MaxDeviceIDLen = 64  // bytes
)

// Problem is what is wrong with one field of a form.
type Problem struct {
	Field string // name in REST
	Code  string // message ID in the catalogues, "field_…"
	Value string // the wrong part; may be empty
}

// Error makes a Problem an error.
func (p Problem) Error() string {
	if p.Value == "" {
		return p.Field + ": " + p.Code
	}
	return p.Field + ": " + p.Code + ": " + p.Value
}

// CheckLogin checks the login of a new local account. Without a problem it returns the zero Problem. A local login has no
// `\`, `/` or `@`, because these separate a domain from a login.
func CheckLogin(login string) Problem {
	switch {
	case strings.TrimSpace(login) == "":
		return Problem{"login", "field_required", ""}
	case utf8.RuneCountInString(login) > MaxLogin:
		return Problem{"login", "field_too_long", ""}
	case strings.ContainsAny(login, `\/@`):
		return Problem{"login", "field_login_separator", ""}
	case login != Clean(login, MaxLogin) || strings.IndexFunc(login, unicode.IsSpace) >= 0:
		return Problem{"login", "field_login_characters", ""}
	}
	return Problem{}
}

// CheckPassword checks a new password. Without a problem it returns the zero Problem.
func CheckPassword(password string) Problem {
	switch {
	case strings.TrimSpace(password) == "":
		return Problem{"psw", "field_required", ""}
	case utf8.RuneCountInString(password) < MinPassword:
		return Problem{"psw", "field_password_short", ""}
	case len(password) > MaxPassword:
		return Problem{"psw", "field_too_long", ""}
	}
	return Problem{}
}

// NormalizeLogin returns the same text for all spellings of a local login.
func NormalizeLogin(login string) string { return strings.ToLower(strings.TrimSpace(login)) }

// Clean makes untrusted text safe to show and to log. It removes control and format characters and white space at the
// ends, replaces invalid UTF-8 and cuts the text to max runes.
func Clean(s string, max int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.TrimSpace(s)
	if utf8.RuneCountInString(s) > max {
		s = strings.TrimSpace(string([]rune(s)[:max]))
	}
	return s
}

// Problems are the problems of a form. An empty list must not be used as an error.
type Problems []Problem

func (p Problems) Error() string {
	texts := make([]string, len(p))
	for i, one := range p {
		texts[i] = one.Error()
	}
	return strings.Join(texts, "; ")
}
