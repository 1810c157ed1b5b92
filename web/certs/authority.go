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
)

// Authority has the gateway's root and the leaves issued under it. Its methods may be called from several goroutines.
type Authority struct {
	dir string
	now func() time.Time

	issuing sync.Mutex               // held while certificates are issued, so that the files and the fields below change together
	current atomic.Pointer[issued]   // never nil
	next    atomic.Pointer[nextRoot] // nil = no change of the root is announced

	former   []former // guarded by issuing
	changing bool     // guarded by issuing: FollowNext has begun to replace the files and failed
}

// issued is a root with the leaves issued under it. Another root needs other leaves, because the chain of a leaf
// contains its root.
type issued struct {
	self   identity
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
	next, err := loadNext(dir)
	if err != nil {
		return nil, err
	}
	if next != nil && key.Equal(next.self.key) { // the process ended during the change
		if err := next.replaceFiles(dir); err != nil {
			return nil, err
		}
		next = nil
	}
	self, err := identify(key)
	if err != nil {
		return nil, err
	}
	root, err := readRoot(dir, rootFile, key, keyFile, cureRoot)
	if err != nil {
		return nil, err
	}
	a := &Authority{dir: dir, now: now}
	a.next.Store(next)
	if root != nil {
		n, _ := namesOf(root)
		a.current.Store(newIssued(self, root, n))
		return a, nil
	}
	return a, a.replaceRoot(self, names{})
}

// Reload reads the files of the root and of the next root again, and makes the root permit the domains, as SetNames does. After an error the
// root is unchanged. Connections from before were verified with the former root, as after FollowNext.
func (a *Authority) Reload(domains []string) error {
	if err := a.reread(); err != nil {
		return err
	}
	return a.SetNames(domains)
}

func (a *Authority) reread() error {
	a.issuing.Lock()
	defer a.issuing.Unlock()
	if a.changing {
		return errChanging
	}
	key, err := readKey(a.dir, keyFile, cureKey)
	if err != nil {
		return err
	}
	if key == nil {
		return fmt.Errorf("%s is missing: %s", filepath.Join(a.dir, keyFile), cureKey)
	}
	root, err := readRoot(a.dir, rootFile, key, keyFile, cureRoot)
	if err != nil {
		return err
	}
	if root == nil {
		return fmt.Errorf("%s is missing: %s", filepath.Join(a.dir, rootFile), cureRoot)
	}
	next, err := loadNext(a.dir)
	if err != nil {
		return err
	}
	self, err := identify(key)
	if err != nil {
		return err
	}
	current := a.current.Load()
	if !key.Equal(current.self.key) {
		a.former = append(a.former, former{current.self, a.now()})
	}
	if !root.Equal(current.root) {
		n, _ := namesOf(root)
		a.current.Store(newIssued(self, root, n))
	}
	a.next.Store(next)
	return nil
}

func newIssued(self identity, root *x509.Certificate, n names) *issued {
	return &issued{self: self, root: root, names: n, leaves: map[string]*tls.Certificate{}}
}

// SetNames makes the root permit the gateway's saved and former domains: DNS names in ASCII and IP addresses, in any
// order. A root that permits them already is kept, even if it permits more. Otherwise a root with the same key is
// issued and written before SetNames returns. The same holds for the next root. After an error the root is unchanged, but
// root.pem may be new already if flushing the directory or the next root failed.
func (a *Authority) SetNames(domains []string) error {
	n, err := parseNames(domains)
	if err != nil {
		return err
	}
	a.issuing.Lock()
	defer a.issuing.Unlock()
	if now := a.current.Load(); !now.self.fits(now.root, n, a.now()) {
		if err := a.replaceRoot(now.self, n); err != nil {
			return err
		}
	}
	return a.nameNext(n)
}

// replaceRoot issues a root and writes it to root.pem. The caller holds issuing.
func (a *Authority) replaceRoot(self identity, n names) error {
	if a.changing {
		return errChanging
	}
	root, err := self.newRoot(n, a.now())
	if err != nil {
		return err
	}
	if err := writeRoot(a.dir, rootFile, root); err != nil {
		return err
	}
	a.current.Store(newIssued(self, root, n))
	return nil
}

// isFresh reports whether a leaf exists and need not be renewed.
func isFresh(leaf *tls.Certificate, now time.Time) bool {
	return leaf != nil && !now.Before(leaf.Leaf.NotBefore) && now.Before(LeafRenewal(leaf))
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
		if err := a.replaceRoot(current.self, current.names); err != nil {
			if old != nil && validAt(old.Leaf, now) {
				return old, nil
			}
			return nil, fmt.Errorf("renew the gateway's root: %w", err)
		}
		current = a.current.Load()
	}
	leaf, err := current.self.issueLeaf(current, name, now)
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

// Pin returns the standard base64 of the SHA-256 of the root's SubjectPublicKeyInfo: 44 characters that change only with the
// root's key.
func (a *Authority) Pin() string { return a.current.Load().self.pin }
