// Package ticket makes tokens from the Kerberos tickets of the person who runs the program, see client.Tickets:
//
//	Windows       by SSPI, with the tickets of the logon. It uses the package Kerberos, not Negotiate, which may answer with
//	              NTLM: the gateway refuses that, and an attacker could use it.
//	elsewhere     from a cache file, as kinit makes it: KRB5CCNAME, or /tmp/krb5cc_UID. The domain is found by KRB5_CONFIG or
//	              /etc/krb5.conf, and by DNS where these do not name its controllers.
//
// The library for cache files has no context and no dialer of its caller. It waits 5 s for each controller, in the background once the
// context of Token has ended. Over TCP it allocates as much memory as the controller's length field says, up to 4 GB, before it reads the
// answer, so whoever answers in place of the controller can end the program.
package ticket
