package agent

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"strings"
)

// NewSupportRef makes a reference for support, such as "K4T7-QM2A". It is short enough to read over the phone.
func NewSupportRef() string {
	s := randomText(5)
	return s[:4] + "-" + s[4:]
}

// NewSessionID makes the ID of a session: 80 random bits in lower-case base32.
func NewSessionID() string { return strings.ToLower(randomText(10)) }

func randomText(bytes int) string {
	b := make([]byte, bytes)
	if _, err := rand.Read(b); err != nil {
		panic(fmt.Sprintf("random numbers: %v", err)) // nothing may go on without them
	}
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b)
}
