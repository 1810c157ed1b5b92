package access

import (
	"context"
	"crypto/sha256"
	"net/netip"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/spelling"
)

// Limits of wrong attempts in the window, and of the keys that strangers can invent. The keys of accounts need no limit: only
// accounts that exist have one.
const (
	accountLimit      = 5
	addressLimit      = 30
	customerLimit     = 120 // from one IPv6 /56
	organisationLimit = 480 // from one IPv6 /48
	resumeLimit       = 300 // unknown resume tokens from one address in the LAN, behind which a whole branch may be
	maxLoginKeys      = 1 << 15
	maxAddressKeys    = 1 << 16
)

// throttle slows down guessing. An attempt is counted under its account and under its address, separately for each origin.
// So wrong passwords of others lock nobody out on a known device. They do lock the account for unknown devices of the same
// origin, until the window is over or an administrator lifts it.
type throttle struct {
	accounts      *counts[accountKey]
	logins        *counts[loginKey]
	address       *counts[addressKey]
	customers     *counts[netip.Prefix] // by IPv6 /56, strangers only
	organisations *counts[netip.Prefix] // by IPv6 /48, strangers only
	resume        *counts[addressKey]   // instead of address, for originResumeLAN
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

// addressKey is where an attempt comes from: see network.
type addressKey struct {
	net    netip.Prefix
	origin agent.Origin
	user   agent.UserID // for OriginDevice: whoever has many known devices locks out nobody else behind the same address
}

// Origins under which unknown resume tokens count, apart from passwords. Nobody guesses 256 bits; what comes in the LAN
// are agents whose sessions the gateway knows no more, many at once after the database was replaced.
const (
	originResume    agent.Origin = "resume"
	originResumeLAN agent.Origin = "resume_lan"
)

func newThrottle() *throttle {
	return &throttle{
		accounts:      newCounts[accountKey](accountLimit, 0),
		logins:        newCounts[loginKey](accountLimit, maxLoginKeys),
		address:       newCounts[addressKey](addressLimit, maxAddressKeys),
		customers:     newCounts[netip.Prefix](customerLimit, maxAddressKeys),
		organisations: newCounts[netip.Prefix](organisationLimit, maxAddressKeys),
		resume:        newCounts[addressKey](resumeLimit, maxAddressKeys),
	}
}

// attempt is a sign-in as the throttle sees it.
type signInAttempt struct {
	login  string
	user   agent.UserID
	known  bool // whether login means user
	device string
	peer   agent.Peer
	origin agent.Origin
}

// enter lets an attempt begin, after waiting for others where they could fill a count. The counts come in the same order
// for everybody, so that no two attempts wait for each other. Errors: as of counts.enter.
func (t *throttle) enter(ctx context.Context, a signInAttempt) (leave func(outcome), err error) {
	key := addressKey{net: network(a.peer), origin: a.origin}
	if a.origin == agent.OriginDevice {
		key.user = a.user
	}
	var entered []func(outcome)
	leave = func(o outcome) {
		for _, one := range entered {
			one(o)
		}
	}
	for _, step := range []func() (func(outcome), error){
		func() (func(outcome), error) { return t.enterAccount(ctx, a) },
		func() (func(outcome), error) { return enterAddress(ctx, t.address, key, a.user) },
		func() (func(outcome), error) { return enterWider(ctx, t.customers, 56, a) },
		func() (func(outcome), error) { return enterWider(ctx, t.organisations, 48, a) },
	} {
		one, err := step()
		if err != nil {
			leave(undecided)
			return nil, err
		}
		entered = append(entered, one)
	}
	return leave, nil
}

// throttled is when the last of the account's full counts has room again; zero when none is full.
func (t *throttle) throttled(user agent.UserID) time.Time {
	return t.accounts.fullUntil(func(key accountKey) bool { return key.user == user })
}

// lift forgets the wrong attempts for an account, also where their addresses count them. Those for other accounts stay.
func (t *throttle) unlock(user agent.UserID) {
	t.accounts.forget(user)
	t.address.forget(user)
	t.customers.forget(user)
	t.organisations.forget(user)
}

func (t *throttle) enterAccount(ctx context.Context, a signInAttempt) (func(outcome), error) {
	if !a.known {
		key := loginKey{sha256.Sum256([]byte(spelling.Login(a.login))), a.origin}
		return func(o outcome) { t.logins.leave(key, 0, o) }, t.logins.enter(ctx, key)
	}
	key := accountKey{user: a.user, origin: a.origin}
	if a.origin == agent.OriginDevice {
		key.device = a.device
	}
	return func(o outcome) { t.accounts.leave(key, a.user, o) }, t.accounts.enter(ctx, key)
}

// enterAddress is for an address alone. Its count outlives a right password, which any guesser may have for an account of
// their own.
func enterAddress[K comparable](ctx context.Context, counts *counts[K], key K, user agent.UserID) (func(outcome), error) {
	leave := func(o outcome) {
		if o == right {
			o = undecided
		}
		counts.leave(key, user, o)
	}
	return leave, counts.enter(ctx, key)
}

// enterWider counts a stranger's IPv6 /64 also under a wider network: one customer has 256 or 65,536 of them.
func enterWider(ctx context.Context, counts *counts[netip.Prefix], bits int, a signInAttempt) (func(outcome), error) {
	if a.origin != agent.OriginStranger || !a.peer.Addr.Is6() {
		return func(outcome) {}, nil
	}
	wider, _ := a.peer.Addr.Prefix(bits)
	return enterAddress(ctx, counts, wider, a.user)
}

// enterResume is for unknown resume tokens.
func (t *throttle) enterResume(ctx context.Context, p agent.Peer) (func(outcome), error) {
	if p.Inside {
		return enterAddress(ctx, t.resume, addressKey{net: network(p), origin: originResumeLAN}, 0)
	}
	return enterAddress(ctx, t.address, addressKey{net: network(p), origin: originResume}, 0)
}

// network is the key under which an address is counted. All loopback addresses are one, because a local program can use
// any of them.
func network(peer agent.Peer) netip.Prefix {
	if peer.Addr.IsLoopback() {
		return netip.PrefixFrom(netip.IPv6Loopback(), 128)
	}
	return peer.Host()
}
