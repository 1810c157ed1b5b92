package agent

import (
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxSearch is the longest text to search for, in characters.
const MaxSearch = 100

// SessionFilter selects live sessions. The zero filter selects all.
type SessionFilter struct {
	Search    string // words without regard to case; each is a part of login, name, device, directory, group, address or MAC
	Kind      Kind   // empty = any
	State     State  // empty = any
	Directory string // empty = any
}

// SessionView is what filters and orders read of a live session. Record is no copy, so a SessionView may be used only while the lock of
// the sessions is held.
type SessionView interface {
	Record() *Session
	State() State
	FurtherAddresses() []netip.Addr
	Counts() (rx, tx uint64, handshake time.Time, counted bool) // as in LiveSession; counted is false where Rx and Tx are nil
	MAC() string
}

// Matcher returns a function that reports whether the filter selects a session.
func (f SessionFilter) Matcher() func(SessionView) bool {
	var words []searchWord
	for _, word := range strings.Fields(f.Search) {
		word = strings.Map(fold, word)
		words = append(words, searchWord{word, strings.Trim(word, "0123456789abcdef.:") == ""})
	}
	return func(v SessionView) bool {
		if f.Kind != "" && v.Record().Kind != f.Kind || f.State != "" && v.State() != f.State || f.Directory != "" && v.Record().Directory != f.Directory {
			return false
		}
		for _, word := range words {
			if !word.isIn(v) {
				return false
			}
		}
		return true
	}
}

// searchWord is a folded word to search for.
type searchWord struct {
	text    string
	address bool // can be a part of an address, because it has no other characters
}

// isIn reports whether the word is a part of a text or an address of a session.
func (word searchWord) isIn(v SessionView) bool {
	s := v.Record()
	for _, text := range [...]string{s.Login, s.Name, s.Device.Name, v.MAC(), s.Directory, s.Group} {
		if containsFolded(text, word.text) {
			return true
		}
	}
	if !word.address {
		return false
	}
	var buffer [64]byte
	if containsAddress(s.Address, word.text, buffer[:0]) || containsAddress(s.ExternalIP, word.text, buffer[:0]) {
		return true
	}
	for _, a := range v.FurtherAddresses() {
		if containsAddress(a, word.text, buffer[:0]) {
			return true
		}
	}
	return false
}

func containsAddress(a netip.Addr, word string, buffer []byte) bool {
	return a.IsValid() && strings.Contains(string(a.AppendTo(buffer)), word)
}

// containsFolded reports whether a text contains a folded word, without regard to case.
func containsFolded(text, word string) bool {
	if word == "" {
		return true
	}
	first := word[0]
	asciiOnly := first < utf8.RuneSelf && first != 'i' && first != 'k' // only «İ» and the kelvin sign fold to an ASCII letter
	for i := 0; i < len(text); i++ {
		c := text[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		// For speed: most bytes cannot begin the word, and need not be decoded.
		if c < utf8.RuneSelf && c != first || c >= utf8.RuneSelf && (asciiOnly || !utf8.RuneStart(c)) {
			continue
		}
		if hasPrefixFolded(text[i:], word) {
			return true
		}
	}
	return false
}

func hasPrefixFolded(text, word string) bool {
	for _, want := range word {
		r, n := utf8.DecodeRuneInString(text)
		if n == 0 || fold(r) != want {
			return false
		}
		text = text[n:]
	}
	return true
}

// fold makes letters equal that people take for equal: upper and lower case, «ё» and «е».
func fold(r rune) rune {
	switch { // the first three cases are what unicode.ToLower does, but faster
	case r < 'A', 'a' <= r && r <= 'z', 'а' <= r && r <= 'я':
		return r
	case r <= 'Z':
		return r + 'a' - 'A'
	case 'А' <= r && r <= 'Я':
		return r + 'а' - 'А'
	case r == 'ё', r == 'Ё':
		return 'е'
	}
	return unicode.ToLower(r)
}

// compareFolded compares two texts without regard to case.
func compareFolded(a, b string) int {
	// For speed: the bytes that both begin with are not decoded.
	same := 0
	for same < len(a) && same < len(b) && a[same] == b[same] {
		same++
	}
	for same > 0 && same < len(a) && !utf8.RuneStart(a[same]) { // back to the start of a character
		same--
	}
	for a, b = a[same:], b[same:]; a != "" && b != ""; {
		ra, na := utf8.DecodeRuneInString(a)
		rb, nb := utf8.DecodeRuneInString(b)
		if ra != rb {
			if fa, fb := fold(ra), fold(rb); fa != fb {
				return int(fa - fb)
			}
		}
		a, b = a[na:], b[nb:]
	}
	return len(a) - len(b)
}

// SessionOrder is a value by which live sessions are sorted.
type SessionOrder string

// Orders of live sessions.
const (
	SessionsByPerson    SessionOrder = "login" // by name, and by login where there is none
	SessionsByState     SessionOrder = "state"
	SessionsByAddress   SessionOrder = "address"
	SessionsByExternal  SessionOrder = "external"
	SessionsByMAC       SessionOrder = "mac"
	SessionsByKind      SessionOrder = "kind"
	SessionsByDevice    SessionOrder = "device"
	SessionsByDirectory SessionOrder = "directory"
	SessionsByStart     SessionOrder = "started"
	SessionsByReceived  SessionOrder = "rx"
	SessionsBySent      SessionOrder = "tx"
	SessionsByHandshake SessionOrder = "handshake"
)

// SessionOrders lists every SessionOrder.
var SessionOrders = []SessionOrder{SessionsByPerson, SessionsByState, SessionsByAddress, SessionsByExternal, SessionsByMAC, SessionsByKind,
	SessionsByDevice, SessionsByDirectory, SessionsByStart, SessionsByReceived, SessionsBySent, SessionsByHandshake}

// SessionKey is the value of a session by which it is sorted.
type SessionKey struct {
	text    string
	number  int64
	address netip.Addr
}

// Key returns the value by which a session is sorted.
func (o SessionOrder) Key(v SessionView) (k SessionKey) {
	s := v.Record()
	switch o {
	case SessionsByPerson:
		k.text = s.Name
		if k.text == "" {
			k.text = s.Login
		}
	case SessionsByState:
		k.text = string(v.State())
	case SessionsByAddress:
		k.address = s.Address
	case SessionsByExternal:
		k.address = s.ExternalIP
	case SessionsByMAC:
		k.text = v.MAC()
	case SessionsByKind:
		k.text = string(s.Kind)
	case SessionsByDevice:
		k.text = s.Device.Name
	case SessionsByDirectory:
		k.text = s.Directory
	case SessionsByStart:
		k.number = s.Started.UnixNano()
	case SessionsByReceived, SessionsBySent, SessionsByHandshake:
		rx, tx, handshake, counted := v.Counts()
		switch {
		case !counted:
			k.number = -1 // so that it comes before 0
		case o == SessionsByReceived:
			k.number = int64(rx)
		case o == SessionsBySent:
			k.number = int64(tx)
		case !handshake.IsZero():
			k.number = handshake.UnixNano()
		}
	}
	return k
}

// Compare compares two values of the same SessionOrder.
func (k SessionKey) Compare(other SessionKey) int {
	switch {
	case k.number < other.number:
		return -1
	case k.number > other.number:
		return 1
	}
	if c := k.address.Compare(other.address); c != 0 {
		return c
	}
	return compareFolded(k.text, other.text)
}
