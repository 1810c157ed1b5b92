package window

import (
	"errors"
	"fmt"

	"github.com/danieljoos/wincred"
)

// CredentialManager is a PasswordStore in the Windows Credential Manager of the current user, on this computer only.
type CredentialManager struct{}

func (CredentialManager) Password(target string) (string, error) {
	c, err := wincred.GetGenericCredential(target)
	if errors.Is(err, wincred.ErrElementNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("saved password: %w", err)
	}
	return string(c.CredentialBlob), nil
}

func (CredentialManager) SetPassword(target, password string) error {
	c := wincred.NewGenericCredential(target)
	c.CredentialBlob, c.Persist = []byte(password), wincred.PersistLocalMachine
	var err error
	if password == "" {
		if err = c.Delete(); errors.Is(err, wincred.ErrElementNotFound) {
			err = nil
		}
	} else {
		err = c.Write()
	}
	if err != nil {
		return fmt.Errorf("saved password: %w", err)
	}
	return nil
}
