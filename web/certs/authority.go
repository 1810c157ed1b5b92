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

// Authority is the gateway's root and what it has issued. Its methods may be called from several goroutines.
type Authority struct {
	dir  string
	now  func() time.Time
	self identity

	issuing sync.Mutex             // held by whoever issues: root.pem and current then change together
	current atomic.Pointer[issued] // never nil; replaced as a whole, so that handshakes need no lock
}

// issued is what is in force. It is never changed after it was published.
type issued struct {
	names   names
	root    *x509.Certificate
	leaf    *tls.Certificate // nil while there are no names
	renewAt time.Time        // when a third of the leaf's time is left
}

// Open reads the root in dir, or makes directory and root at the first start. The names are those of the last
// SetNames. An error names the file and says what the operator can do.
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
	if err := a.issue(namesOf(root), root); err != nil {
		return nil, err
	}
	return a, nil
}

// SetNames says which DNS names (in ASCII) and IP addresses the gateway answers to; their order does not matter. When
// they differ from those in force, a root with the same key and new constraints is on the disk before SetNames
// returns, and the next handshake shows the new certificate. After an error everything is as it was, except that
// root.pem may already be the new one when flushing the directory failed.
func (a *Authority) SetNames(list []string) error {
	n, err := parseNames(list)
	if err != nil {
		return err
	}
	a.issuing.Lock()
	defer a.issuing.Unlock()
	current := a.current.Load()
	if n.equal(current.names) {
		return nil
	}
	return a.issue(n, current.root)
}

// issue puts certificates for the names in force. It keeps the root where that still fits. Callers hold issuing.
func (a *Authority) issue(n names, root *x509.Certificate) error {
	now := a.now()
	next := &issued{names: n, root: root}
	keep := root != nil && a.self.fits(root, n, now)
	var err error
	if !keep {
		if next.root, err = a.self.newRoot(n, now); err != nil {
			return err
		}
	}
	if !n.empty() {
		if next.leaf, err = a.self.newLeaf(next.root, n, now); err != nil {
			return err
		}
		next.renewAt = next.leaf.Leaf.NotAfter.Add(-leafLife / 3)
	}
	if !keep {
		if err := atomicfile.Write(filepath.Join(a.dir, rootFile), encodeRoot(next.root), 0o644); err != nil {
			return err
		}
	}
	a.current.Store(next)
	return nil
}

// RootDER is the root certificate in DER, as Windows likes to download it.
func (a *Authority) RootDER() []byte { return bytes.Clone(a.current.Load().root.Raw) }

// Pin is the standard base64 of the SHA-256 of the root's SubjectPublicKeyInfo: 44 characters that never change.
func (a *Authority) Pin() string { return a.self.pin }
