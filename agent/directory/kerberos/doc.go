// Package kerberos verifies Kerberos tickets and changes passwords by Kerberos.
//
// [ParseKeytab], [Parse] and [Acceptor] accept the ticket by which a person proves an identity. Everything that they read may be
// hostile: sizes are limited, and panics of gokrb5 become errors.
package kerberos
