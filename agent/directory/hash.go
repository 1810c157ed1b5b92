package directory

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/alexedwards/argon2id"

	"ideco-agent/agent"
)

// params cost about 35 ms of one core and 19 MiB (OWASP's second choice, which suits a gateway with little memory).
// Every hash carries its own, so they may change.
var params = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// What one process may spend on hashing. The last of a full waiting room waits a little over a second.
const (
	places      = 2
	waitingRoom = 64
	fullWait    = 5 * time.Second // what is told to those for whom there is no room
)

// hashing is the one queue for all hashing in this process: the memory and the processor that it guards are the process's.
var hashing = newQueue(places, waitingRoom)

// Hash makes the argon2id hash of a password that is being set, in the form that LocalAccount returns. It waits for its
// turn; when the queue is full the error is an *agent.Error with CodeTooManyAttempts and Wait.
func Hash(ctx context.Context, password string) (hash string, err error) {
	if password == "" || len(password) > agent.MaxPassword {
		return "", fmt.Errorf("hash a password of %d bytes: want 1 to %d", len(password), agent.MaxPassword)
	}
	full := hashing.do(ctx, newCaller(agent.OriginLoopback, agent.Peer{}), func() { hash, err = argon2id.CreateHash(password, params) })
	if full != nil {
		return "", refusal(full)
	}
	return hash, err
}

// refusal is what a caller is told whose turn never came.
func refusal(err error) error {
	if errors.Is(err, errFull) {
		return &agent.Error{Code: agent.CodeTooManyAttempts, Wait: fullWait, Err: err}
	}
	return err
}

// dummyHash is the hash of a password that nobody knows: checking against it is the same work as against a real one.
var dummyHash = sync.OnceValue(func() string {
	hash, err := argon2id.CreateHash(rand.Text(), params)
	if err != nil {
		panic(fmt.Sprintf("random numbers: %v", err)) // nothing may go on without them
	}
	return hash
})

// What a hash may ask for; more than we ever wrote means that it is broken.
const (
	maxMemory     = 64 << 10 // KiB
	maxIterations = 8
	minKey        = 16 // bytes
)

// matches checks a password against a hash. The library would panic on a hash with zero iterations.
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
