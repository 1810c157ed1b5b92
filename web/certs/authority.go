package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"ideco-agent/agent/atomicfile"
)

// Authority has the gateway's root and the leaves issued under it. Its methods may be called from several goroutines.
type Authority struct {
	dir  string
	now  func() time.Time
	self identity

	issuing sync.Mutex             // held while certificates are issued, so that root.pem and current change together
	current atomic.Pointer[issued] // never nil
}

// issued is a root with the leaves issued under it. Another root needs other leaves, because the chain of a leaf
// contains its root.
type issued struct {
	root   *x509.Certificate
	names  names // that the root permits
	mu     sync.Mutex
	leaves map[string]*tls.Certificate // guarded by mu; by name
}

// maxLeaves limits the leaves in memory. A computer has fewer addresses, but a program on it can connect to any of the
// 2^24 in 127.0.0.0/8.
const maxLeaves = 256

// Open reads the root in dir. At the first start it makes the directory and a root. A root from an earlier version, which
// permits other names, stays until SetNames. An error names the file and says what the operator can do.
func Open(dir string) (*Authority, error) { return open(dir, time.Now) }

func open(dir string, now func() time.Time) (*Authority, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of the root certificate: %w", err)
	}
	key, err := loadOrMakeKey(dir)
	if err != nil {
		return nil, err
	}
	self, err := identify(key)
	if err != nil {
		return nil, err
	}
	root, err := loadRoot(dir, key)
	if err != nil {
		return nil, err
	}
	a := &Authority{dir: dir, now: now, self: self}
	if root != nil {
		n, _ := namesOf(root)
		a.current.Store(newIssued(root, n))
		return a, nil
	}
	return a, a.replaceRoot(names{})
}

func newIssued(root *x509.Certificate, n names) *issued {
	return &issued{root: root, names: n, leaves: map[string]*tls.Certificate{}}
}

// SetNames makes the root permit the gateway's saved and former domains: DNS names in ASCII and IP addresses, in any
// order. A root that permits them already is kept, even if it permits more. Otherwise a root with the same key is
// issued and written before SetNames returns. After an error the root is unchanged, but root.pem may be new already if
// flushing the directory failed.
func (a *Authority) SetNames(domains []string) error {
	n, err := parseNames(domains)
	if err != nil {
		return err
	}
	a.issuing.Lock()
	defer a.issuing.Unlock()
	if a.self.fits(a.current.Load().root, n, a.now()) {
		return nil
	}
	return a.replaceRoot(n)
}

// replaceRoot issues a root and writes it to root.pem. The caller holds issuing.
func (a *Authority) replaceRoot(n names) error {
	root, err := a.self.newRoot(n, a.now())
	if err != nil {
		return err
	}
	if err := atomicfile.Write(filepath.Join(a.dir, rootFile), encodeRoot(root), 0o644); err != nil {
		return err
	}
	a.current.Store(newIssued(root, n))
	return nil
}

// isFresh reports whether a leaf exists and need not be renewed.
func isFresh(leaf *tls.Certificate, now time.Time) bool {
	return leaf != nil && !now.Before(leaf.Leaf.NotBefore) && now.Before(RenewalOf(leaf))
}

// Certificate returns the certificate for a name or address of the gateway, with its chain. It issues one if there is none
// yet, or if it is time to renew it.
func (a *Authority) Certificate(name string) (*tls.Certificate, error) {
	if leaf := a.current.Load().leaf(name); isFresh(leaf, a.now()) {
		return leaf, nil
	}
	return a.renew(name)
}

// renew issues a leaf, and first the root if it ends too early for the leaf. Concurrent handshakes get the same leaf.
// If the root cannot be written, for instance to a full disk, the old leaf is used while it is valid, and the next
// handshake tries again.
func (a *Authority) renew(name string) (*tls.Certificate, error) {
	a.issuing.Lock()
	defer a.issuing.Unlock()
	current, now := a.current.Load(), a.now()
	old := current.leaf(name)
	if isFresh(old, now) {
		return old, nil
	}
	if !outlives(current.root, now) {
		if err := a.replaceRoot(current.names); err != nil {
			if old != nil && covers(old.Leaf, now) {
				return old, nil
			}
			return nil, fmt.Errorf("renew the gateway's root: %w", err)
		}
		current = a.current.Load()
	}
	leaf, err := a.self.issueLeaf(current, name, now)
	if err != nil {
		return nil, err
	}
	current.keep(name, leaf)
	return leaf, nil
}

// leaf returns the leaf for a name, or nil.
func (i *issued) leaf(name string) *tls.Certificate {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.leaves[name]
}

func (i *issued) keep(name string, leaf *tls.Certificate) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.leaves) >= maxLeaves {
		clear(i.leaves)
	}
	i.leaves[name] = leaf
}

// Permits reports whether the root permits a name or address in its canonical form.
func (a *Authority) Permits(name string) bool { return a.current.Load().names.permits(name) }

// RootDER returns the root certificate in DER.
func (a *Authority) RootDER() []byte { return bytes.Clone(a.current.Load().root.Raw) }

// Pin returns the standard base64 of the SHA-256 of the root's SubjectPublicKeyInfo: 44 characters that never change.
func (a *Authority) Pin() string { return a.self.pin }
