package access

import (
	"context"
	"crypto/sha256"
	"net/netip"
	"slices"

	"ideco-agent/agent"
	"ideco-agent/agent/spelling"
)

// Limits of wrong attempts in the window, and of the keys that peers can make up. Keys of accounts need no limit, because
// only existing accounts have one.
const (
	accountLimit      = 5
	addressLimit      = 30
	customerLimit     = 120 // from one IPv6 /56
	organisationLimit = 480 // from one IPv6 /48
	resumeLimit       = 300 // unknown resume tokens from one address in the LAN; a whole branch office may share it
	maxLoginKeys      = 1 << 15
	maxAddressKeys    = 1 << 16
)

// throttle slows down guessing. An attempt is counted under its account and under its address, separately for each origin.
// So wrong passwords of others do not lock a known device. They do lock the account for unknown devices of the same origin,
// until the window is over or an administrator unlocks it.
type throttle struct {
	accounts *counts[accountKey]
	logins   *counts[loginKey]
	address  *counts[addressKey]
	wider    map[int]*counts[netip.Prefix] // IPv6 networks of strangers by prefix length; a customer has 256 or 65,536 /64
	resume   *counts[addressKey]           // instead of address, for originResumeLAN
}

// accountKey is an account, regardless of how its login was typed.
type accountKey struct {
	user   agent.UserID
	origin agent.Origin
	device string // for OriginDevice
}

// loginKey is an unknown login. It is counted like an account, so that guessing does not reveal which logins exist. It is a
// digest, because people type passwords there.
type loginKey struct {
	login  [sha256.Size]byte
	origin agent.Origin
}

type addressKey struct {
	net    netip.Prefix // see network
	origin agent.Origin
	user   agent.UserID // for OriginDevice, so that a person with many known devices does not lock others behind the address
}

// Origins of unknown resume tokens, which are counted separately from passwords. 256 bits cannot be guessed; in the LAN, many
// agents at once may have unknown tokens after the database was replaced.
const (
	originResume    agent.Origin = "resume"
	originResumeLAN agent.Origin = "resume_lan"
)

func newThrottle() *throttle {
	return &throttle{
		accounts: newCounts[accountKey](accountLimit, 0),
		logins:   newCounts[loginKey](accountLimit, maxLoginKeys),
		address:  newCounts[addressKey](addressLimit, maxAddressKeys),
		wider: map[int]*counts[netip.Prefix]{
			56: newCounts[netip.Prefix](customerLimit, maxAddressKeys),
			48: newCounts[netip.Prefix](organisationLimit, maxAddressKeys),
		},
		resume: newCounts[addressKey](resumeLimit, maxAddressKeys),
	}
}

// signInAttempt has the keys of a sign-in.
type signInAttempt struct {
	login  string
	user   agent.UserID
	known  bool // whether login means user
	device string
	peer   agent.Peer
	origin agent.Origin

	authenticate func(context.Context, agent.Credentials) (agent.User, error)
}

// enter begins an attempt; see counts.enter for waiting and errors. All attempts enter the counts in the same order, so that
// they do not wait for each other.
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
	steps := []func() (func(outcome), error){
		func() (func(outcome), error) { return t.enterAccount(ctx, a) },
		func() (func(outcome), error) { return enterAddress(ctx, t.address, key, a.user) },
	}
	if a.origin == agent.OriginStranger {
		for _, n := range slices.Backward(a.peer.Networks()) {
			if wider := t.wider[n.Bits()]; wider != nil {
				steps = append(steps, func() (func(outcome), error) { return enterAddress(ctx, wider, n, a.user) })
			}
		}
	}
	for _, step := range steps {
		one, err := step()
		if err != nil {
			leave(undecided)
			return nil, err
		}
		entered = append(entered, one)
	}
	return leave, nil
}

// unlock forgets the wrong attempts for an account, also in the counts of addresses.
func (t *throttle) unlock(user agent.UserID) {
	t.accounts.forget(user)
	t.address.forget(user)
	for _, wider := range t.wider {
		wider.forget(user)
	}
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

// enterAddress enters the count of an address. A right password does not clear it, because a guesser may have an account.
func enterAddress[K comparable](ctx context.Context, counts *counts[K], key K, user agent.UserID) (func(outcome), error) {
	leave := func(o outcome) {
		if o == right {
			o = undecided
		}
		counts.leave(key, user, o)
	}
	return leave, counts.enter(ctx, key)
}

// enterResume enters the count for an unknown resume token.
func (t *throttle) enterResume(ctx context.Context, p agent.Peer) (func(outcome), error) {
	if p.Inside {
		return enterAddress(ctx, t.resume, addressKey{net: network(p), origin: originResumeLAN}, 0)
	}
	return enterAddress(ctx, t.address, addressKey{net: network(p), origin: originResume}, 0)
}

// network is the key of an address. All loopback addresses share one, because a local program can use any of them.
func network(peer agent.Peer) netip.Prefix {
	if peer.Addr.IsLoopback() {
		return netip.PrefixFrom(netip.IPv6Loopback(), 128)
	}
	return peer.Host()
}
