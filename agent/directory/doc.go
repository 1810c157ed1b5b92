// Package directory turns what a person typed into who that person is: login and password in, account out. It tells
// nothing about what the account may do; whether it is switched off is the caller's matter, and so is counting
// wrong attempts.
//
// Local is the directory of the accounts that the gateway itself keeps. A login with a domain ("user@company.ru",
// "COMPANY\user", "company.ru/user") belongs to none of them. Directories that are asked over the network get a type
// of their own beside Local with the same methods, and a type that picks one by the domain of the login: a bare
// login that names a local account is that account and nothing else; any other belongs to the default domain.
//
// A password is hashed with argon2id, which is expensive on purpose. All hashing of the process goes through one queue
// with two places, of which strangers get one; whoever fills it from one network does not keep the others out. The work
// is the same whether the login exists or not, so that the time of an answer tells nothing.
package directory
