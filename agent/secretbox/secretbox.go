// Package secretbox encrypts the secrets in the database with a key that is in a separate file. A copy of the database alone does
// not reveal them.
package secretbox

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"

	"ideco-agent/agent/atomicfile"
)

// ErrLost says that a secret cannot be decrypted: the key file is missing or is another one, or the encrypted text is damaged or
// was made for another purpose.
var ErrLost = errors.New("the secret cannot be decrypted with this key file")

const keySize = 32 // AES-256

// Box encrypts and decrypts with the key in one file: 32 bytes in base64 and a line end, mode 0600.
type Box struct {
	path string
	mu   sync.Mutex // guards the making of the key file
}

// New returns a box with the key file at path. Seal makes the file when it is missing.
func New(path string) *Box { return &Box{path: path} }

// Seal encrypts a secret (AES-256-GCM, in base64). Only Open with the same purpose decrypts it, so that the text cannot be used
// in another place of the database.
func (b *Box) Seal(secret, purpose string) (string, error) {
	gcm, err := b.cipher(true)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(gcm.Seal(nil, nil, []byte(secret), []byte(purpose))), nil
}

// Open decrypts what Seal returned. Errors: ErrLost, and those of reading the key file.
func (b *Box) Open(sealed, purpose string) (string, error) {
	gcm, err := b.cipher(false)
	if errors.Is(err, fs.ErrNotExist) {
		return "", ErrLost
	}
	if err != nil {
		return "", err
	}
	text, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return "", ErrLost
	}
	secret, err := gcm.Open(nil, nil, text, []byte(purpose))
	if err != nil {
		return "", ErrLost
	}
	return string(secret), nil
}

// cipher returns the cipher with the key of the file. With create it makes the file if it is missing.
func (b *Box) cipher(create bool) (cipher.AEAD, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	text, err := os.ReadFile(b.path)
	if create && errors.Is(err, fs.ErrNotExist) {
		text = []byte(base64.StdEncoding.EncodeToString(newKey()) + "\n")
		err = atomicfile.Write(b.path, text, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("read or make the key file of the stored secrets: %w", err)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("%s is damaged: restore it from a backup, or remove it and type the passwords of the directories and upload the certificates again: %w", b.path, ErrLost)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func newKey() []byte {
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // never fails
	return key
}
