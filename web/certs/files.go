package certs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"ideco-agent/agent/atomicfile"
)

const (
	rootFile     = "root.pem"
	keyFile      = "root.key"
	nextRootFile = "root-next.pem"
	nextKeyFile  = "root-next.key"

	// What an operator can do about a broken file.
	cureKey = "restore it from a backup; or, for a new root, remove both root.key and root.pem and start again: " +
		"it has another pin, so every installed agent then needs a new installer"
	cureRoot = "remove it and start again: it is issued again with the same key and pin"
	cureNext = "restore root-next.key and root-next.pem from a backup; or, to cancel the change of the root, remove both"
)

// loadOrMakeKey reads root.key. It makes one only if there is no root.pem either: a new key beside an old certificate
// would silently cut off every installed agent.
func loadOrMakeKey(dir string) (*ecdsa.PrivateKey, error) {
	key, err := readKey(dir, keyFile, cureKey)
	if err != nil || key != nil {
		return key, err
	}
	if _, err := os.Lstat(filepath.Join(dir, rootFile)); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is missing although there is a %s: %s", filepath.Join(dir, keyFile), rootFile, cureKey)
	}
	if key, err = newKey(); err != nil {
		return nil, err
	}
	return key, writeKey(dir, keyFile, key)
}

// readKey reads a private key; nil if the file is missing.
func readKey(dir, name, cure string) (*ecdsa.PrivateKey, error) {
	path := filepath.Join(dir, name)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the root's key: %w", err)
	}
	key, err := parseKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s is damaged: %w: %s", path, err, cure)
	}
	return key, nil
}

func parseKey(text []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New("it holds no PEM «PRIVATE KEY»")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("the key is not ECDSA P-256")
	}
	return key, nil
}

func writeKey(dir, name string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode the root's key: %w", err)
	}
	return atomicfile.Write(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

// readRoot reads a root certificate; nil if the file is missing. It checks that the root belongs to the key, which is in
// the file keyName.
func readRoot(dir, name string, key *ecdsa.PrivateKey, keyName, cure string) (*x509.Certificate, error) {
	path := filepath.Join(dir, name)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the root certificate: %w", err)
	}
	root, err := parseRoot(text)
	if err != nil {
		return nil, fmt.Errorf("%s is damaged: %w: %s", path, err, cure)
	}
	if !key.PublicKey.Equal(root.PublicKey) {
		return nil, fmt.Errorf("%s belongs to another key than %s: restore the two that belong together from a backup; "+
			"or %s", path, keyName, cure)
	}
	if err := root.CheckSignature(root.SignatureAlgorithm, root.RawTBSCertificate, root.Signature); err != nil {
		return nil, fmt.Errorf("%s is damaged: its signature is wrong: %w: %s", path, err, cure)
	}
	return root, nil
}

func writeRoot(dir, name string, root *x509.Certificate) error {
	return atomicfile.Write(filepath.Join(dir, name), encodeRoot(root), 0o644)
}

// parseRoot accepts exactly one certificate and nothing else: the file is served for download, so it must not contain a key.
func parseRoot(text []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("it holds no PEM «CERTIFICATE»")
	}
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(bytes.TrimSpace(text), bytes.TrimSpace(encodeRoot(root))) {
		return nil, errors.New("it has more than the one certificate")
	}
	return root, nil
}

func encodeRoot(root *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw})
}
