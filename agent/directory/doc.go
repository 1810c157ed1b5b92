// Package directory checks a login and a password and returns the account that they belong to. Its callers decide what the
// account may do and whether it is enabled, and count the wrong attempts.
//
// [Local] is the directory of the accounts that the gateway itself keeps. [Directories] are these and all directories on the
// network: Active Directory, FreeIPA and ALD Pro, OpenLDAP and 389 Directory Server.
//
// # Which account a login means
//
// A login is bare, or it has a domain: "COMPANY\user", "company.ru\user", "company.ru/user", "user@company.ru". A bare login
// means the local account with this login, even a disabled one. Any other bare login belongs to the default directory. A login
// with a domain belongs to the directory with this DNS name or, if there is none, with this NetBIOS name. If it is unknown there,
// "user@suffix" belongs to the directory that has the suffix for its userPrincipalNames. With any other domain it is unknown.
//
// The search account finds the person with one search. A userPrincipalName wins over the sAMAccountName of another person. If the
// login still means several people, it counts as unknown, and the log says so. A person is known by an identity that survives renaming
// and moving: objectGUID, ipaUniqueID, entryUUID or nsUniqueId.
//
// # A login
//
// One attempt is one bind, by the DN that was found, so that all forms of a login count for the same person. A password is never
// sent twice, and not at all to an account with a smart card: Active Directory has given it a random password, and wrong ones
// would lock it. For an unknown login of a directory, the password is sent with a DN that does not exist, which takes as long and counts against
// no account.
//
// Every refusal has its own code. Where the directory compares the password first, other codes than bad_credentials come only with
// the right password. These come with any: account_locked; smartcard_required; account_disabled and account_expired of OpenLDAP and
// 389 Directory Server. After the bind, the login groups are checked. A refusal that ends access is stored with an account that
// exists; see [agent.Code.EndsAccess].
//
// # Changing a password
//
// A person's password is changed with the old one, also when it has expired or must be changed. In Active Directory, kpasswd does it
// (package kerberos) on the controller that searches use. Where port 88 or 464 does not answer, or the settings say so, the search
// account sends one LDAP request that deletes the old value of unicodePwd and adds the new one. It is never a reset. On other servers
// the person binds and changes the password with RFC 3062; a server that refuses the bind with an expired password takes no change.
//
// One attempt counts at most one wrong password in the directory. So LDAP is tried after kpasswd only if that has compared nothing, or if
// the old password was right. An account that may not log in is refused as in a login, after a bind with the old password.
//
// A refused new password comes with the rules: as kpasswd sends them, else as the policy of the person or the domain has them, as far
// as the search account may read it.
//
// # Groups
//
// Groups are compared by SID or identity, never by name. In Active Directory they are those of the attribute tokenGroups: the primary
// group, groups in groups and renamed groups count. FreeIPA has all groups in memberOf. Elsewhere the groups are searched that
// name the person as member, uniqueMember or memberUid, or have the person's gidNumber, and those of memberOf count too; groups in
// groups count only where memberOf has them.
//
// # Lockout
//
// [agent.Account] has the limit of the directory's lockout, for the throttle of the caller: as typed in the settings, else of
// the person's own policy (msDS-ResultantPSO, krbPwdPolicyReference, pwdPolicySubentry), else that of the domain. It is cached
// for five minutes. A policy that cannot be read counts as 3 wrong passwords in 30 minutes. OpenLDAP does not say which policy is
// the default, so the strictest values count. A window without end counts as 24 hours.
//
// # Spellings
//
// Which logins and passwords are equal is stated in the package spelling. Local accounts follow it. To a directory on the
// network, login and password go out as typed: it has rules of its own.
//
// # Hashing
//
// A password is hashed with argon2id, which is expensive on purpose. All hashing of the process goes through one queue
// with two places, of which strangers get one. Many callers from one network do not keep others out.
//
// A check hashes every typed password once, so that the time of an answer does not reveal whether the login exists. That is why
// the stored hash itself says, by a mark, what it was made from: the password as typed (earlier versions) or as
// spelling.Password returns it. A check tries that one form and never both. A login with the right password turns a hash of
// the first kind into one of the second. Until then the password must be typed in the code points in which it was set.
package directory
