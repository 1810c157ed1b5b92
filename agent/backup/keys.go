package backup

import (
	"errors"
	"fmt"
	"strings"

	"filippo.io/age"
)

// Work factors of a passphrase (scrypt): the memory is 2^n KiB.
const (
	WorkFactor = 16 // 64 MiB, and a tenth of a second
	// maxWorkFactor is the most that is tried for a file, 256 MiB; age's own program takes this one.
	maxWorkFactor = 18
)

// Limits of a passphrase. A file can be tried without end, so it is longer than a password.
const (
	MinPassphrase = 12   // characters
	MaxPassphrase = 1000 // bytes
)

// MaxKeys limits a file or text with recipients or identities, in bytes.
const MaxKeys = 64 << 10

// ErrPassphrase says that a passphrase is too short or too long.
var ErrPassphrase = errors.New("the passphrase is too short or too long")

// CheckPassphrase checks a new passphrase. Errors: ErrPassphrase.
func CheckPassphrase(text string) error {
	if len([]rune(text)) < MinPassphrase || len(text) > MaxPassphrase {
		return ErrPassphrase
	}
	return nil
}

// ToPassphrase returns the recipient for a passphrase. Errors: ErrPassphrase.
func ToPassphrase(text string) ([]age.Recipient, error) {
	if err := CheckPassphrase(text); err != nil {
		return nil, err
	}
	r, err := age.NewScryptRecipient(text)
	if err != nil {
		return nil, err
	}
	r.SetWorkFactor(WorkFactor)
	return []age.Recipient{r}, nil
}

// FromPassphrase returns the identity for a passphrase.
func FromPassphrase(text string) ([]age.Identity, error) {
	i, err := age.NewScryptIdentity(text)
	if err != nil {
		return nil, ErrPassphrase
	}
	i.SetMaxWorkFactor(maxWorkFactor)
	return []age.Identity{i}, nil
}

// ParseRecipients reads recipients (age1…), one per line; lines that begin with # are comments.
func ParseRecipients(text string) ([]age.Recipient, error) {
	if err := checkKeys(text); err != nil {
		return nil, err
	}
	list, err := age.ParseRecipients(strings.NewReader(text))
	if err != nil {
		return nil, errors.New("no age recipient (age1…)")
	}
	return list, nil
}

// ParseIdentities reads identities (AGE-SECRET-KEY-…), one per line; lines that begin with # are comments. The error never repeats the
// text.
func ParseIdentities(text string) ([]age.Identity, error) {
	if err := checkKeys(text); err != nil {
		return nil, err
	}
	list, err := age.ParseIdentities(strings.NewReader(text))
	if err != nil {
		return nil, errors.New("no age identity (AGE-SECRET-KEY-…)")
	}
	return list, nil
}

func checkKeys(text string) error {
	if len(text) > MaxKeys {
		return fmt.Errorf("more than %d bytes", MaxKeys)
	}
	return nil
}

// IsIdentity reports whether a text is an identity rather than a passphrase.
func IsIdentity(text string) bool { return strings.Contains(text, "AGE-SECRET-KEY-") }

// NewKey makes a key pair: an identity, which decrypts, and its recipient, which encrypts.
func NewKey() (identity, recipient string, err error) {
	i, err := age.GenerateX25519Identity()
	if err != nil {
		return "", "", err
	}
	return i.String(), i.Recipient().String(), nil
}
