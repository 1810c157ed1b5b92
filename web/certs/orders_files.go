package certs

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/atomicfile"
)

const (
	ordersDir = "acme"
	triesFile = "tries.json"
	// maxOrderFile limits a file that is read, in bytes.
	maxOrderFile = 4 << 20
)

// held is an ordered certificate that the gateway has.
type held struct {
	*tls.Certificate
	pem     []byte // the key and the chain, as in the file
	ca      string // of the CA that issued it, see caDir
	renewal time.Time
}

func (h *held) isValid(now time.Time) bool { return h != nil && validAt(h.Leaf, now) }

// caDir returns the name of the directory for all that belongs to one CA.
func caDir(directory string) string {
	sum := sha256.Sum256([]byte(directory))
	host := "ca"
	if u, err := url.Parse(directory); err == nil && agent.IsHost(u.Hostname()) {
		host = u.Hostname()
	}
	return host + "-" + hex.EncodeToString(sum[:4])
}

// accountFile returns the name of the file with the key of an account. The CA binds it to an external account, if at all.
func accountFile(settings OrderSettings) string {
	if settings.EAB == nil {
		return "account.key"
	}
	sum := sha256.Sum256([]byte(settings.EAB.KID))
	return "account-" + hex.EncodeToString(sum[:4]) + ".key"
}

func certificateFile(name string) string { return name + ".pem" }

// parseHeld reads the key and the chain of a certificate for a name.
func parseHeld(text []byte, name, ca string) (*held, error) {
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, err
	}
	if err := pair.Leaf.VerifyHostname(name); err != nil {
		return nil, err
	}
	return &held{Certificate: &pair, pem: text, ca: ca, renewal: orderedRenewal(pair.Leaf)}, nil
}

// loadHeld reads the certificate for a name that a CA issued. It returns nil if there is none.
func (o *Orders) loadHeld(ca, name string) *held {
	path := filepath.Join(o.dir, ca, certificateFile(name))
	text, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var h *held
	if err == nil {
		h, err = parseHeld(text, name, ca)
	}
	if err != nil {
		o.config.Log.Warn("an ordered certificate cannot be read; another one is ordered", "file", path, "error", err)
	}
	return h
}

// newest returns the certificate to serve for a name: that of the CA in the settings, or else one that another CA issued before.
// The test certificates of Let's Encrypt are served only while that is the CA in the settings.
func (o *Orders) newest(ca, name string, now time.Time) *held {
	best := o.loadHeld(ca, name)
	if best.isValid(now) {
		return best
	}
	entries, err := os.ReadDir(o.dir)
	if err != nil {
		o.config.Log.Warn("the ordered certificates cannot be read", "file", o.dir, "error", err)
	}
	for _, e := range entries {
		if !e.IsDir() || e.Name() == ca || e.Name() == caDir(agent.LetsEncryptStaging) {
			continue
		}
		h := o.loadHeld(e.Name(), name)
		if h.isValid(now) && (!best.isValid(now) || h.Leaf.NotAfter.After(best.Leaf.NotAfter)) {
			best = h
		}
	}
	return best
}

// removeLeftovers removes half-written files of the CAs; private keys may be in them.
func (o *Orders) removeLeftovers() {
	entries, err := os.ReadDir(o.dir)
	for _, e := range entries {
		if e.IsDir() {
			err = errors.Join(err, atomicfile.RemoveLeftovers(filepath.Join(o.dir, e.Name())))
		}
	}
	if err != nil {
		o.config.Log.Warn("half-written files of ordered certificates stay", "error", err)
	}
}

func readFile(path string) ([]byte, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > maxOrderFile {
		return nil, fmt.Errorf("%s has %d bytes; at most %d are read", path, info.Size(), maxOrderFile)
	}
	return os.ReadFile(path)
}

// save writes a file of a CA.
func (o *Orders) save(ca, name string, content []byte) error {
	if err := os.MkdirAll(filepath.Join(o.dir, ca), 0o700); err != nil {
		return &storageError{fmt.Errorf("make the directory of ordered certificates: %w", err)}
	}
	if err := o.write(filepath.Join(o.dir, ca, name), content, 0o600); err != nil {
		return &storageError{err}
	}
	return nil
}

// loadTries reads what happened at a CA. If the file cannot be read, earlier tries are forgotten.
func (o *Orders) loadTries(ca string) map[string]*tries {
	var read map[string]tries
	path := filepath.Join(o.dir, ca, triesFile)
	text, err := readFile(path)
	if err == nil {
		err = json.Unmarshal(text, &read)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		o.config.Log.Warn("the times of former orders cannot be read", "file", path, "error", err)
		read = nil
	}
	found := map[string]*tries{}
	for name, t := range read {
		found[name] = &t
	}
	return found
}

// saveTries writes the tries at the CA in the settings. The caller holds mu.
func (o *Orders) saveTries() error {
	text, err := json.Marshal(o.tries)
	if err != nil {
		return fmt.Errorf("encode the times of orders: %w", err)
	}
	return o.save(o.ca, triesFile, text)
}

// trySaveTries logs an error of saveTries. The caller holds mu.
func (o *Orders) trySaveTries() {
	if err := o.saveTries(); err != nil {
		o.config.Log.Warn("the times of orders cannot be written", "error", err)
	}
}

// forgetOthers forgets the names that the gateway no longer has, and removes their keys and certificates at all CAs. Tries that
// still count for the limits of the CA stay until they do not. The caller holds mu.
func (o *Orders) forgetOthers(now time.Time) {
	isOther := func(name string) bool { return !slices.Contains(o.names, name) }
	maps.DeleteFunc(o.orders, func(name string, _ *order) bool { return isOther(name) })
	tried := len(o.tries)
	maps.DeleteFunc(o.tries, func(name string, t *tries) bool {
		t.prune(now)
		return isOther(name) && len(t.Times) == 0 && !t.RetryAfter.After(now)
	})
	if len(o.tries) < tried {
		o.trySaveTries()
	}
	files, err := fs.Glob(os.DirFS(o.dir), "*/"+certificateFile("*"))
	if err != nil {
		o.config.Log.Warn("the ordered certificates cannot be read", "file", o.dir, "error", err)
	}
	for _, file := range files {
		path := filepath.Join(o.dir, filepath.FromSlash(file))
		name := strings.TrimSuffix(filepath.Base(path), certificateFile(""))
		if !isOther(name) {
			continue
		}
		if err := atomicfile.Remove(path); err != nil {
			o.config.Log.Warn("the ordered certificate of a name that was removed cannot be removed", "file", path, "error", err)
			continue
		}
		o.config.Log.Info("the ordered certificate of a name that was removed is removed", "name", name, "file", path)
	}
}
