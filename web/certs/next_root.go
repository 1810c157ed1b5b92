package certs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/atomicfile"
)

// nextRoot is the announced root. It is not changed once it is in Authority.next.
type nextRoot struct {
	self  identity
	root  *x509.Certificate
	names names
	seen  time.Time // when FollowNext last looked, without a monotonic reading
}

// former is a root that was replaced since the start. Connections from before the change were verified with it, so what is sent on them
// is signed with its key.
type former struct {
	self  identity
	until time.Time
}

// from is when the next root becomes the root.
func (n *nextRoot) from() time.Time { return n.root.NotBefore.Add(backdate + agent.RootNotice) }

// loadNext reads the next root; nil if there is none. A key alone is left over from an announcement, a cancellation or a
// change during which the process ended; it is removed.
func loadNext(dir string) (*nextRoot, error) {
	key, err := readKey(dir, nextKeyFile, cureNext)
	if err != nil {
		return nil, err
	}
	info, err := os.Lstat(filepath.Join(dir, nextRootFile))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, atomicfile.Remove(filepath.Join(dir, nextKeyFile))
	case err != nil:
		return nil, fmt.Errorf("read the next root: %w", err)
	case key == nil:
		return nil, fmt.Errorf("%s is missing although there is a %s: %s", filepath.Join(dir, nextKeyFile), nextRootFile, cureNext)
	}
	root, err := readRoot(dir, nextRootFile, key, nextKeyFile, cureNext)
	if err != nil {
		return nil, err
	}
	self, err := identify(key)
	if err != nil {
		return nil, err
	}
	n, _ := namesOf(root)
	return &nextRoot{self, root, n, info.ModTime()}, nil
}

// replaceFiles makes the next root the root in the directory. If the process ends in between, root.key and root-next.key are
// equal, and the next start calls replaceFiles again.
func (n *nextRoot) replaceFiles(dir string) error {
	if err := writeKey(dir, keyFile, n.self.key); err != nil {
		return err
	}
	if err := writeRoot(dir, rootFile, n.root); err != nil {
		return err
	}
	return removeNext(dir)
}

// removeNext removes the key last: without root-next.pem it has no effect.
func removeNext(dir string) error {
	if err := atomicfile.Remove(filepath.Join(dir, nextRootFile)); err != nil {
		return err
	}
	return atomicfile.Remove(filepath.Join(dir, nextKeyFile))
}

// ErrAnnounced says that a next root is announced already.
var ErrAnnounced = errors.New("the next root is announced already")

// errChanging says that root.key may be the next key already while the former root is still in use.
var errChanging = errors.New("the change of the root has begun and could not be finished yet")

// AnnounceNext makes the next root, which becomes the root after agent.RootNotice. It permits the same names.
func (a *Authority) AnnounceNext() error {
	a.issuing.Lock()
	defer a.issuing.Unlock()
	if a.next.Load() != nil {
		return ErrAnnounced
	}
	key, err := newKey()
	if err != nil {
		return err
	}
	self, err := identify(key)
	if err != nil {
		return err
	}
	if err := writeKey(a.dir, nextKeyFile, key); err != nil {
		return err
	}
	return a.issueNext(self, a.current.Load().names, a.now().Add(-backdate))
}

// issueNext issues the next root and writes it to root-next.pem. The caller holds issuing.
func (a *Authority) issueNext(self identity, n names, notBefore time.Time) error {
	root, err := self.signRoot(n, notBefore, notBefore.AddDate(rootYears, 0, 0), nil)
	if err != nil {
		return err
	}
	if err := writeRoot(a.dir, nextRootFile, root); err != nil {
		return err
	}
	a.sawNext(&nextRoot{self: self, root: root, names: n})
	return nil
}

// nameNext makes the next root permit the names. The caller holds issuing.
func (a *Authority) nameNext(n names) error {
	next := a.next.Load()
	if next == nil || next.names.include(n) {
		return nil
	}
	return a.issueNext(next.self, n, next.root.NotBefore)
}

// CancelNext removes the next root. Agents forget its pin at the next message trust. Until then it does no harm,
// because nobody has the key any more. Errors:
// agent.ErrNotFound.
func (a *Authority) CancelNext() error {
	a.issuing.Lock()
	defer a.issuing.Unlock()
	if a.next.Load() == nil {
		return agent.ErrNotFound
	}
	if a.changing {
		return errChanging
	}
	a.next.Store(nil)
	return removeNext(a.dir)
}

// NextStep is what FollowNext has done.
type NextStep int

// Steps.
const (
	NextWaits     NextStep = iota // nothing: the change is not due, or none is announced
	NextPostponed                 // the change comes later by the time that did not count, or earlier if the clock was set back
	NextIsRoot                    // the next root is the root now
)

// maxGap is the longest time between two calls of FollowNext that counts as notice.
const maxGap = 24 * time.Hour

// FollowNext makes the next root the root when its time has come. It must be called about every minute.
//
// Agents learn the next root while they are connected. So a long time in which the gateway was off does not count, and a clock that jumps
// must not change the root: a gap over maxGap since the last call postpones the change by the gap. A clock that is set right again
// undoes that. The time of the last call is kept as the modification time of root-next.pem.
func (a *Authority) FollowNext() (NextStep, error) {
	a.issuing.Lock()
	defer a.issuing.Unlock()
	next, now := a.next.Load(), a.now().Round(0)
	if next == nil {
		return NextWaits, nil
	}
	switch gap := now.Sub(next.seen); {
	case a.changing: // root.key may be the next one already
	case gap.Abs() > maxGap:
		if err := a.issueNext(next.self, next.names, next.root.NotBefore.Add(gap)); err != nil {
			return NextWaits, err
		}
		return NextPostponed, nil
	case now.Before(next.from()):
		a.sawNext(next)
		return NextWaits, nil
	}
	old := a.current.Load().self
	a.changing = true
	if err := next.replaceFiles(a.dir); err != nil {
		return NextWaits, err
	}
	a.changing = false
	a.former = append(a.former, former{old, now})
	a.current.Store(newIssued(next.self, next.root, next.names))
	a.next.Store(nil)
	return NextIsRoot, nil
}

// sawNext makes next the announced root, looked at now. If the file system refuses the time, a restart postpones the change.
func (a *Authority) sawNext(next *nextRoot) {
	seen := *next
	seen.seen = a.now().Round(0)
	a.next.Store(&seen)
	_ = os.Chtimes(filepath.Join(a.dir, nextRootFile), time.Time{}, seen.seen)
}

// Root describes the root.
func (a *Authority) Root() agent.RootCertificate { return describeRoot(a.current.Load().root) }

// Change describes the announced change of the root; nil = none.
func (a *Authority) Change() *agent.RootChange {
	next := a.next.Load()
	if next == nil {
		return nil
	}
	return &agent.RootChange{Next: describeRoot(next.root), From: next.from()}
}

// NextDER returns the announced root in DER; nil = none.
func (a *Authority) NextDER() []byte {
	if next := a.next.Load(); next != nil {
		return bytes.Clone(next.root.Raw)
	}
	return nil
}

func describeRoot(root *x509.Certificate) agent.RootCertificate {
	return agent.RootCertificate{ChainCertificate: DescribeOne(root), Pin: pinOf(root.RawSubjectPublicKeyInfo)}
}

// Successor returns the pin of the root that replaces, or has replaced, the root with a pin, and when; empty if none does. Connections
// from before a change still use the former root, so for them the change stays announced.
func (a *Authority) Successor(pin string) (next string, from time.Time) {
	a.issuing.Lock()
	defer a.issuing.Unlock()
	if n := a.next.Load(); n != nil && pin == a.Pin() {
		return n.self.pin, n.from()
	}
	for _, f := range a.former {
		if f.self.pin == pin {
			return a.Pin(), f.until
		}
	}
	return "", time.Time{}
}

// Sign signs a text with the key of the root with a pin: base64 of an ECDSA signature (ASN.1) over its SHA-256. It knows the keys
// of the root and of those that were replaced since the start. Errors: agent.ErrNotFound.
func (a *Authority) Sign(pin string, text []byte) (string, error) {
	key := a.keyOf(pin)
	if key == nil {
		return "", agent.ErrNotFound
	}
	sum := sha256.Sum256(text)
	signature, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign with the root's key: %w", err)
	}
	return base64.StdEncoding.EncodeToString(signature), nil
}

// keyOf returns the key of the root with a pin; nil if it is unknown.
func (a *Authority) keyOf(pin string) *ecdsa.PrivateKey {
	if now := a.current.Load().self; now.pin == pin {
		return now.key
	}
	a.issuing.Lock()
	defer a.issuing.Unlock()
	for _, f := range a.former {
		if f.self.pin == pin {
			return f.self.key
		}
	}
	return nil
}
