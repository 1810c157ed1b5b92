package handlers

import (
	"container/list"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Limits of the tokens of browser sign-in.
const (
	webTokenLife        = 10 * time.Minute
	maxWebTokens        = 10000
	maxWebTokensNetwork = maxWebTokens / 2 // see tokenNetwork
	maxOrigin           = 2000             // bytes
)

// webTokens keeps the one-time tokens of browser sign-in with the page that the person wanted to open. An address has at most one
// token, which no other can use. A token above maxWebTokens replaces the oldest, one above maxWebTokensNetwork the oldest of its network:
// a host can have any number of IPv6 addresses there. The zero value is ready.
type webTokens struct {
	nowInTests func() time.Time // nil = time.Now

	mu        sync.Mutex                   // guards the fields below
	byAddr    map[netip.Addr]*list.Element // nil until the first token
	inNetwork map[netip.Prefix]int         // number of tokens by tokenNetwork
	byAge     list.List                    // of webToken, the oldest first
}

type webToken struct {
	addr   netip.Addr
	token  string
	origin string
	until  time.Time
}

// add makes a token of 128 random bits in hex, which replaces the token of the address.
func (w *webTokens) add(addr netip.Addr, origin string) string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails (Go 1.24)
	one := webToken{addr, hex.EncodeToString(b), origin, w.now().Add(webTokenLife)}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byAddr == nil {
		w.byAddr, w.inNetwork = map[netip.Addr]*list.Element{}, map[netip.Prefix]int{}
	}
	w.remove(w.byAddr[addr])
	for first := w.byAge.Front(); first != nil && (w.byAge.Len() >= maxWebTokens || w.expired(first)); first = w.byAge.Front() {
		w.remove(first)
	}
	network := tokenNetwork(addr)
	for e := w.byAge.Front(); e != nil && w.inNetwork[network] >= maxWebTokensNetwork; {
		next := e.Next()
		if tokenNetwork(e.Value.(webToken).addr) == network {
			w.remove(e)
		}
		e = next
	}
	w.byAddr[addr] = w.byAge.PushBack(one)
	w.inNetwork[network]++
	return one.token
}

// tokenNetwork returns the network in which one host can have many addresses: the /64 of IPv6, the /24 of IPv4.
func tokenNetwork(addr netip.Addr) netip.Prefix {
	bits := 64
	if addr.Is4() {
		bits = 24
	}
	network, _ := addr.Prefix(bits)
	return network
}

// find returns the origin of a token. It reports false for a token that is unknown, used, expired or of another address.
func (w *webTokens) find(addr netip.Addr, token string) (origin string, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.byAddr[addr]
	if e == nil || w.expired(e) {
		return "", false
	}
	one := e.Value.(webToken)
	return one.origin, subtle.ConstantTimeCompare([]byte(one.token), []byte(token)) == 1
}

// use removes the token of an address.
func (w *webTokens) use(addr netip.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.remove(w.byAddr[addr])
}

// remove removes a token; e may be nil. The caller holds mu.
func (w *webTokens) remove(e *list.Element) {
	if e == nil {
		return
	}
	addr := e.Value.(webToken).addr
	delete(w.byAddr, addr)
	w.byAge.Remove(e)
	network := tokenNetwork(addr)
	if w.inNetwork[network]--; w.inNetwork[network] == 0 {
		delete(w.inNetwork, network)
	}
}

func (w *webTokens) expired(e *list.Element) bool { return !w.now().Before(e.Value.(webToken).until) }

func (w *webTokens) now() time.Time {
	if w.nowInTests != nil {
		return w.nowInTests()
	}
	return time.Now()
}

// cleanOrigin returns a URL of http or https without its fragment. It returns "" for any other text, for one longer than maxOrigin or
// with characters that are not printable ASCII, and for a URL with a user name, which people would take for the host.
func cleanOrigin(text string) string {
	if len(text) > maxOrigin || strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return ""
	}
	u.Fragment, u.RawFragment = "", ""
	return u.String()
}
