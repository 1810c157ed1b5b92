package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"

	"ideco-agent/agent"
)

// A resume token is base64url of a name and 256 bits that are new in every token. The name is the same in all tokens of
// a session. It lets nobody in, but nobody can know it who never had one of these tokens: so a token with a right name
// and wrong bits is an old one, however often the session was resumed since.

// chainName is the secret name of a session's tokens.
type chainName [16]byte

// tokenBytes is how long a token is before it becomes text.
const tokenBytes = len(chainName{}) + 32

func newChainName() (n chainName) {
	rand.Read(n[:]) // never fails
	return n
}

// next makes a token, and what is kept of it beside the digest of the one before.
func (n chainName) next(previous [32]byte) (token string, chain agent.ResumeChain) {
	raw := make([]byte, tokenBytes)
	rand.Read(raw[copy(raw, n[:]):])
	return base64.RawURLEncoding.EncodeToString(raw),
		agent.ResumeChain{Chain: sha256.Sum256(n[:]), Current: sha256.Sum256(raw), Previous: previous}
}

// token is a resume token as it came in.
type token struct {
	name   chainName
	chain  [32]byte
	digest [32]byte
}

// parseToken reads a token.
func parseToken(text string) (t token, ok bool) {
	if len(text) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return token{}, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != tokenBytes {
		return token{}, false
	}
	copy(t.name[:], raw)
	t.chain, t.digest = sha256.Sum256(t.name[:]), sha256.Sum256(raw)
	return t, true
}

// opens tells whether the token is the one handed out last, or the one before while it is not certain that the agent
// has the last one.
func (t token) opens(c agent.ResumeChain) bool {
	return same(t.digest, c.Current) || same(t.digest, c.Previous)
}

// same compares digests; a zero one is equal to none.
func same(digest, kept [32]byte) bool {
	return kept != [32]byte{} && subtle.ConstantTimeCompare(digest[:], kept[:]) == 1
}
