// Package ticket makes tokens from the Kerberos tickets of the person who runs the program, see client.Tickets:
//
//	Windows       by SSPI, with the tickets of the logon. It uses the package Kerberos, not Negotiate, which may answer with
//	              NTLM: the gateway refuses that, and an attacker could use it.
//	elsewhere     from a cache file, as kinit makes it: KRB5CCNAME, or /tmp/krb5cc_UID. The domain is found by KRB5_CONFIG or
//	              /etc/krb5.conf, and by DNS where these do not name its controllers.
package ticket
