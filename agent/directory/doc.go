// Package directory checks a login and a password and returns the account that they belong to. It does not decide what the
// account may do, nor whether it is enabled, and it does not count wrong attempts: those are its callers' business.
//
// [Local] is the directory of the accounts that the gateway itself keeps. A login with a domain ("user@company.ru",
// "COMPANY\user", "company.ru/user") belongs to none of them. Every directory on the network gets a type with the same
// methods, and one more type chooses the directory by the domain of the login: a bare login that names a local account is
// that account and nothing else; any other belongs to the default domain.
//
// # Spellings
//
// Which logins and passwords are equal is stated in the package spelling. Local accounts follow it. To a directory on the
// network, login and password go out exactly as they stand in [agent.Credentials], in one bind: it has rules of its own, and a
// second try would count towards its lockout.
//
// # Hashing
//
// A password is hashed with argon2id, which is expensive on purpose. All hashing of the process goes through one queue
// with two places, of which strangers get one. Many callers from one network do not keep others out.
//
// A check hashes once, whatever was typed, so that the time of an answer does not tell whether the login exists. That is why
// the stored hash itself says, by a mark, what it was made from: the password as typed (earlier versions) or as
// spelling.Password returns it. A check tries that one form and never both. A login with the right password turns a hash of
// the first kind into one of the second. Until then the password must be typed in the code points in which it was set.
package directory
