package directory

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/alexedwards/argon2id"
	"golang.org/x/crypto/argon2"

	"ideco-agent/agent"
	"ideco-agent/agent/memory"
	"ideco-agent/agent/spelling"
)

// params cost about 35 ms of one core and 19 MiB (OWASP's second choice, which suits a gateway with little memory).
// Every hash contains its own, so these may change.
var params = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// Limits of hashing in one process. The last caller in a full waiting room waits a little over a second.
const (
	places      = 2
	waitingRoom = 64
	fullWait    = 5 * time.Second // after which a caller without a place may try again
	freeAfter   = time.Second     // after the last hash, the memory of the hashes goes back to the system
)

// hashing is the one queue for all hashing in this process: the memory and the processor that it guards are the process's.
var hashing = newHashing()

func newHashing() *queue {
	q := newQueue(places, waitingRoom)
	freeing := time.AfterFunc(freeAfter, memory.Free)
	q.worked = func() { freeing.Reset(freeAfter) }
	return q
}

// opaqueMark begins the stored hash of a password as spelling.Password returns it. Hashes of earlier versions have no mark.
// They were made from the password as typed.
const opaqueMark = "opaque"

// Hash makes the argon2id hash of a password that is being set, in the form that LocalAccount returns. It waits for its
// turn; when the queue is full the error is an *agent.Error with CodeTooManyAttempts and Wait. A password that is too long is
// an agent.Problem.
func Hash(ctx context.Context, password string) (hash string, err error) {
	return hashInTurn(ctx, password, newCaller(agent.OriginLoopback, agent.Peer{}))
}

// HashLater is Hash for an import of many passwords: all logins go first.
func HashLater(ctx context.Context, password string) (hash string, err error) {
	last := newCaller(agent.OriginLoopback, agent.Peer{})
	last.last = true
	return hashInTurn(ctx, password, last)
}

func hashInTurn(ctx context.Context, password string, turn *caller) (hash string, err error) {
	password = spelling.Password(password)
	if password == "" {
		return "", errors.New("hash an empty password")
	}
	if len(password) > agent.MaxPassword {
		return "", agent.Problem{Field: "psw", Code: "field_too_long"}
	}
	full := hashing.do(ctx, turn, func() { hash, err = argon2id.CreateHash(password, params) })
	if full != nil {
		return "", refusal(full)
	}
	return opaqueMark + hash, err
}

// refusal returns the error for a caller that got no turn.
func refusal(err error) error {
	if errors.Is(err, errFull) {
		return &agent.Error{Code: agent.CodeTooManyAttempts, Wait: fullWait, Err: err}
	}
	return err
}

// dummyHash is a hash that no password has, because its key is random. Checking against it takes as long as against an account's.
var dummyHash = func() string {
	random := make([]byte, params.SaltLength+params.KeyLength)
	rand.Read(random)
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, params.Memory, params.Iterations, params.Parallelism,
		encode(random[:params.SaltLength]), encode(random[params.SaltLength:]))
}()

// Limits of the parameters in a stored hash. Beyond them the hash is corrupt.
const (
	maxMemory     = 64 << 10 // KiB
	maxIterations = 8
	minKey        = 16 // bytes
)

// matches checks a password against a hash without its mark. The library would panic on a hash with zero iterations.
func matches(password, hash string) (bool, error) {
	p, _, _, err := argon2id.DecodeHash(hash)
	if err != nil {
		return false, err
	}
	if p.Iterations < 1 || p.Iterations > maxIterations || p.Memory > maxMemory || p.Parallelism < 1 || p.KeyLength < minKey {
		return false, fmt.Errorf("hash with unusable parameters m=%d,t=%d,p=%d and a key of %d bytes", p.Memory, p.Iterations,
			p.Parallelism, p.KeyLength)
	}
	return argon2id.ComparePasswordAndHash(password, hash)
}
