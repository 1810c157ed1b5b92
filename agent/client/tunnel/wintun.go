package tunnel

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
)

// The driver's library, signed by its authors.
const (
	wintunName   = "wintun.dll"
	wintunSHA256 = "e5da8447dc2c320edc0fc52fa01885c103de8c118481f683643cacc3220dafce" // 0.14.1, amd64
)

// checkWintun returns an error when the file is not the known library.
func checkWintun(file io.Reader) error {
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return fmt.Errorf("read %s: %w", wintunName, err)
	}
	if sum := hex.EncodeToString(h.Sum(nil)); sum != wintunSHA256 {
		return fmt.Errorf("%s is not the expected file: SHA-256 %s", wintunName, sum)
	}
	return nil
}
