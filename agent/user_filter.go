package agent

import "time"

// UserFilter selects accounts and orders them. The zero filter selects all, ordered by login.
type UserFilter struct {
	Search    string    // a part of login or name, without regard to case
	Directory string    // empty = any
	Group     GroupID   // accounts to which the group applies, also by groups below it; 0 = any
	NoGroup   bool      // only accounts without any group
	Remote    *bool     // RemoteAccess; nil = any
	Admin     bool      // only administrators
	State     UserState // empty = any
	Since     time.Time // LastLogin at or after this time; zero = any
	Before    time.Time // LastLogin before this time or never; zero = any

	Sort UserSort // empty = UserByLogin; the login decides between equal values
	Desc bool
}

// UserSort is what accounts are ordered by, with its name in REST and on pages.
type UserSort string

// Orders of accounts.
const (
	UserByLogin     UserSort = "login"
	UserByName      UserSort = "name"
	UserByState     UserSort = "state" // in the order of UserStates, but those who must change the password come second
	UserByRemote    UserSort = "remote_access"
	UserByRole      UserSort = "admin"
	UserByLastLogin UserSort = "last_login"
	UserByCreated   UserSort = "created"
)

// UserSorts lists every UserSort.
var UserSorts = []UserSort{UserByLogin, UserByName, UserByState, UserByRemote, UserByRole, UserByLastLogin, UserByCreated}

// UserState is a state of accounts in a UserFilter.
type UserState string

// States of accounts.
const (
	UserEnabled    UserState = "enabled"     // may log in
	UserDisabled   UserState = "disabled"    // switched off here
	UserRefused    UserState = "refused"     // the directory ends its access
	UserMustChange UserState = "must_change" // must change the password
)

// UserStates lists every UserState.
var UserStates = []UserState{UserEnabled, UserDisabled, UserRefused, UserMustChange}
