package store

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"ideco-agent/agent"
)

// How the types of the product are stored in columns. The functions write; the types of the same name read.

// micros is a time in microseconds since 1970; a zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

type timeColumn struct{ to *time.Time }

func (c timeColumn) Scan(value any) error {
	n, ok := value.(int64)
	if !ok {
		return fmt.Errorf("a time is %T", value)
	}
	*c.to = time.Time{}
	if n != 0 {
		*c.to = time.UnixMicro(n).UTC()
	}
	return nil
}

// addrText is an address as people write it; none is "".
func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

type addrColumn struct{ to *netip.Addr }

func (c addrColumn) Scan(value any) error {
	text, ok := value.(string)
	if !ok {
		return fmt.Errorf("an address is %T", value)
	}
	return c.to.UnmarshalText([]byte(text)) // "" makes the zero address
}

// digestText is a digest in hex; the zero digest, which matches nothing, is "".
func digestText(d [32]byte) string {
	if d == [32]byte{} {
		return ""
	}
	return hex.EncodeToString(d[:])
}

type digestColumn struct{ to *[32]byte }

func (c digestColumn) Scan(value any) error {
	text, ok := value.(string)
	if !ok {
		return fmt.Errorf("a digest is %T", value)
	}
	*c.to = [32]byte{}
	if text == "" {
		return nil
	}
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(c.to) {
		return fmt.Errorf("a digest of %d characters: want 64 in hex", len(text))
	}
	copy(c.to[:], b)
	return nil
}

// rightsText is rights as JSON.
func rightsText(r agent.Rights) (string, error) {
	value, err := json.Marshal(r)
	return string(value), err
}

type rightsColumn struct{ to *agent.Rights }

func (c rightsColumn) Scan(value any) error {
	text, ok := value.(string)
	if !ok {
		return fmt.Errorf("rights are %T", value)
	}
	*c.to = agent.Rights{}
	if text == "{}" {
		return nil
	}
	return json.Unmarshal([]byte(text), c.to)
}

// wordsColumn is a list of words with a space between two; none is "". strings.Join writes it.
type wordsColumn struct{ to *[]string }

func (c wordsColumn) Scan(value any) error {
	text, ok := value.(string)
	if !ok {
		return fmt.Errorf("a list of words is %T", value)
	}
	*c.to = nil
	if text != "" {
		*c.to = strings.Fields(text)
	}
	return nil
}
