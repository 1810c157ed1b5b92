// Package certs holds the gateway's certificates. For each name Choice takes the first of these that is valid and that the
// client can verify: an uploaded certificate, one that Orders ordered by ACME, one that the own root issued. The own root
// can always issue one, so there is a certificate whatever else fails. Clients that hold a pin always get that one.
//
// The own root is made at the first start. Under it there is a certificate (leaf) for each name or address by which clients
// reach the gateway. Its files in the directory:
//
//	root.pem  the root certificate alone, 0644: the file to download, to install, to pass as --root
//	root.key  its private key, PKCS#8, 0600; it is never served and in no other file
//
//	root-next.pem, root-next.key  the same of the next root, while a change is announced
//
//	acme/CA/NAME.pem      an ordered certificate: its private key and the chain; CA is the host of the directory and a hash of its URL
//	acme/CA/account.key   the key of the account at the CA; account-HASH.key if it is bound to an external account
//	acme/CA/tries.json    the times of the challenges and the last problem of each name, so that a restart keeps to the CA's limits
//
// The pin (base64 of the SHA-256 of the SubjectPublicKeyInfo), the subject and the SubjectKeyId depend on the key only. So
// the root can be issued again at any time, for other names or another twenty years, and clients with a pin are not
// affected. If root.pem is missing, it is issued again. If root.key is missing or damaged, the gateway does not start, and
// the error says what to do.
//
// Only an administrator replaces the key: the next root is made and announced, agents that connect learn its pin, and after
// agent.RootNotice it becomes the root. The time of the change is in root-next.pem: its NotBefore + backdate +
// agent.RootNotice. See FollowNext for what counts as notice. A process that ends while it replaces the files has made the
// change if root.key is the next key; the next start finishes it.
//
// The root permits the saved and former domains (and, for DNS names, their subdomains), localhost, loopback and private
// addresses, and nothing else: somebody who steals root.key cannot sign for other sites on computers that installed the
// root. It does not list this computer's addresses, because they change. Only a new domain changes the root. Computers
// that installed the root before need the new root.pem to open the gateway under the new domain. The names that their
// root permits still work, and so do pins.
//
// A leaf has one name, because verifiers check every name of a leaf against the constraints: a leaf with an old and a
// new name would be refused by computers with the old root. A client may connect to a public address of this computer
// that is not a domain, so that root.pem does not permit it. The chain then has another root that permits the address
// too; only clients with a pin accept it.
//
// Leaves are valid for 397 days. They and their keys are in memory only, so each start issues others. A handshake
// renews a leaf that has less than a third of its time left, or that is not valid yet because the clock was set back.
package certs
