package access

import (
	"context"
	"crypto/sha256"
	"net/netip"

	"ideco-agent/agent"
)

// How many wrong attempts in the window are too many, and how many keys are kept of those that strangers can make up.
// The accounts are as many as there are.
const (
	accountLimit = 5
	addressLimit = 30
	resumeLimit  = 300 // unknown resume tokens from one address in the LAN, behind which a whole branch may be
	mostLogins   = 1 << 15
	mostAddress  = 1 << 16
)

// throttle slows down guessing. An attempt is counted under its account and under its address, and apart for each
// origin: what strangers do locks nobody out on a device or in a network of their own.
type throttle struct {
	accounts *counts[accountKey]
	logins   *counts[loginKey]
	address  *counts[addressKey]
	resume   *counts[addressKey] // instead of address, for originResumeLAN
}

// accountKey is an account, whatever spelling of its login was typed.
type accountKey struct {
	user   agent.UserID
	origin agent.Origin
	device string // for OriginDevice
}

// loginKey is a login that means no account. It counts as an account does, so that guessing does not tell one from the
// other. A digest, because people type passwords there.
type loginKey struct {
	login  [sha256.Size]byte
	origin agent.Origin
}

// addressKey is where an attempt comes from: an IPv4 address or an IPv6 network of /64, which is what one customer of a
// provider has.
type addressKey struct {
	net    netip.Prefix
	origin agent.Origin
}

// Origins under which unknown resume tokens count, apart from passwords. Nobody guesses 256 bits; what comes in the LAN
// are agents whose sessions the gateway knows no more, many at once after the database was replaced.
const (
	originResume    agent.Origin = "resume"
	originResumeLAN agent.Origin = "resume_lan"
)

func newThrottle() *throttle {
	return &throttle{
		accounts: newCounts[accountKey](accountLimit, 0),
		logins:   newCounts[loginKey](accountLimit, mostLogins),
		address:  newCounts[addressKey](addressLimit, mostAddress),
		resume:   newCounts[addressKey](resumeLimit, mostAddress),
	}
}

// attempt is a sign-in as the throttle sees it.
type attempt struct {
	login  string
	user   agent.UserID
	known  bool // whether login means user
	device string
	peer   netip.Addr
	origin agent.Origin
}

// enter lets an attempt begin, after waiting for others where they could fill a count. The account comes before the
// address for everybody, so that no two attempts wait for each other. Errors: as of counts.enter.
func (t *throttle) enter(ctx context.Context, a attempt) (leave func(outcome), err error) {
	leaveAccount, err := t.enterAccount(ctx, a)
	if err != nil {
		return nil, err
	}
	leaveAddress, err := t.enterAddress(ctx, a.peer, a.origin)
	if err != nil {
		leaveAccount(undecided)
		return nil, err
	}
	return func(o outcome) {
		leaveAccount(o)
		leaveAddress(o)
	}, nil
}

func (t *throttle) enterAccount(ctx context.Context, a attempt) (func(outcome), error) {
	if !a.known {
		key := loginKey{sha256.Sum256([]byte(agent.NormalizeLogin(a.login))), a.origin}
		return func(o outcome) { t.logins.leave(key, o) }, t.logins.enter(ctx, key)
	}
	key := accountKey{user: a.user, origin: a.origin}
	if a.origin == agent.OriginDevice {
		key.device = a.device
	}
	return func(o outcome) { t.accounts.leave(key, o) }, t.accounts.enter(ctx, key)
}

// enterAddress is for the address alone. Its count outlives a right password, which any guesser may have for an
// account of their own.
func (t *throttle) enterAddress(ctx context.Context, peer netip.Addr, o agent.Origin) (func(outcome), error) {
	key, counts := addressKey{network(peer), o}, t.address
	if o == originResumeLAN {
		counts = t.resume
	}
	leave := func(o outcome) {
		if o == right {
			o = undecided
		}
		counts.leave(key, o)
	}
	return leave, counts.enter(ctx, key)
}

// network is what counts as one address.
func network(peer netip.Addr) netip.Prefix {
	bits := 32
	if peer = agent.Unmap(peer); peer.Is6() {
		bits = 64
	}
	net, err := peer.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // no address at all: those share one count
	}
	return net
}
