package agent

import (
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// ErrNotFound says that the object with this ID does not exist.
var ErrNotFound = errors.New("not found")

// ErrLoginTaken says that another account already has the login in some spelling.
var ErrLoginTaken = errors.New("login is taken")

// ErrAccountChanged says that somebody changed the account after it was read.
var ErrAccountChanged = errors.New("the account was changed in the meantime")

// ErrLastAdministrator says that no administrator who can sign in would remain.
var ErrLastAdministrator = errors.New("the last administrator must stay")

// ErrAdministratorExists says that the first administrator exists already.
var ErrAdministratorExists = errors.New("an administrator exists")

// UserID identifies an account. Two logins with the same UserID are the same person.
type UserID int64

// ImportedUser is an account to be saved together with others.
type ImportedUser struct {
	User          // ID zero = a new one
	Before User   // the account as it was read before the change; not looked at for a new one
	Hash   string // argon2id hash of the password; empty = a new account has none, another one keeps its own
}

// LocalDirectory is the Directory of local accounts, which the gateway stores.
const LocalDirectory = "local"

// User is a person's account, local or known from a directory.
type User struct {
	ID           UserID
	Login        string // as the person types it, without a domain; unique within a directory in all spellings, except for accounts from before
	Name         string // "Иванов Иван"; may be empty
	Directory    string // LocalDirectory or the directory's domain name
	Enabled      bool
	Admin        bool // may administer the gateway by a choice on the account; only local accounts
	RemoteAccess bool // «Разрешить удалённый доступ через VPN», as it applies now
	Phone        string
	Comment      string
	Created      time.Time
	LastLogin    time.Time // with a password or a ticket; zero = none

	Group          GroupID // the local group; 0 = none
	Rights         Rights  // its own, without RemoteAccess
	RemoteByGroups bool    // RemoteAccess follows the groups, see GroupTree.Inherit
	AdminByGroups  bool    // may administer the gateway by a group, see GroupTree.Inherit
	MustChange     bool    // of a local account: the password must be changed at the next login

	// Of accounts of a directory on the network:
	GUID              string    // as DirectoryPerson.GUID; empty for local accounts
	Refused           Code      // why the directory ends this person's access, as of the last login or check; empty = it does not
	RemoteInDirectory bool      // member of the directory's remote groups, as of the last login or check
	DirectoryGroups   []string  // as DirectoryPerson.Groups
	PasswordExpires   time.Time // as of the last login; zero = never or not known
}

// Administrator reports whether the account may administer the gateway.
func (u User) Administrator() bool { return u.Admin || u.AdminByGroups }

// FullLogin returns a login that means only this account.
func (u User) FullLogin() string {
	if u.Local() {
		return u.Login
	}
	return u.Directory + `\` + u.Login
}

// Local reports whether the gateway stores the account and its password.
func (u User) Local() bool { return u.Directory == LocalDirectory }

// AccountKey is the Account.Key of this account.
func (u User) AccountKey() string {
	if u.Local() {
		return LocalDirectory + "/" + strconv.FormatInt(int64(u.ID), 10)
	}
	return u.Directory + "/" + u.GUID
}

// Refusal returns why the account may not log in or resume, or an empty code.
func (u User) Refusal() Code {
	if !u.Enabled {
		return CodeAccountDisabled
	}
	return u.Refused
}

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
	MaxComment     = 255 // earlier versions stored up to 500
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

// CheckLogin returns what is wrong with a login for a new local account, or a zero Problem. A local login holds no `\`, `/`
// or `@`, nor their full-width forms, because these separate a domain from a login. Which logins are equal is stated in the
// package spelling.
func CheckLogin(login string) Problem {
	switch {
	case strings.TrimSpace(login) == "":
		return Problem{"login", "field_required", ""}
	case utf8.RuneCountInString(login) > MaxLogin:
		return Problem{"login", "field_too_long", ""}
	case strings.ContainsAny(login, "\\/@\uff3c\uff0f\uff20"):
		return Problem{"login", "field_login_separator", ""}
	case login != Clean(login, MaxLogin) || strings.IndexFunc(login, unicode.IsSpace) >= 0:
		return Problem{"login", "field_login_characters", ""}
	}
	return Problem{}
}

// CheckPassword returns what is wrong with a password that is being set, or a zero Problem. It counts composed characters, as
// the person sees them.
func CheckPassword(password string) Problem {
	composed := norm.NFC.String(password)
	switch {
	case strings.TrimSpace(password) == "":
		return Problem{"psw", "field_required", ""}
	case utf8.RuneCountInString(composed) < MinPassword:
		return Problem{"psw", "field_password_short", ""}
	case len(composed) > MaxPassword:
		return Problem{"psw", "field_too_long", ""}
	}
	return Problem{}
}

// Clean makes a text from outside fit to be shown and logged: control and format characters go, invalid UTF-8
// is replaced, white space at the ends goes, and what is over max runes is cut.
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
