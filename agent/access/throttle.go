package access

import (
	"context"
	"crypto/sha256"
	"net/netip"
	"slices"
	"time"

	"ideco-agent/agent"
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
//
// For an account that a directory locks after wrong passwords, those from everywhere count together, too. They stay below the
// directory's limit, so that the gateway never causes a lockout.
type throttle struct {
	lockouts      *counts[string]            // by Account.Key
	loginLockouts *counts[[sha256.Size]byte] // of unknown logins, by the digest of Account.Key

	accounts *counts[accountKey]
	logins   *counts[loginKey]
	address  *counts[addressKey]
	wider    map[int]*counts[netip.Prefix] // IPv6 networks of strangers by prefix length; a customer has 256 or 65,536 /64
	resume   *counts[addressKey]           // instead of address, for originResumeLAN
	tickets  *counts[addressKey]           // refused tickets
}

// accountKey is an account, regardless of how its login was typed.
type accountKey struct {
	account string // Account.Key
	origin  agent.Origin
	device  string // for OriginDevice
}

// loginKey is an unknown login. It is counted like an account, so that guessing does not reveal which logins exist. It is a
// digest, because people type passwords there.
type loginKey struct {
	login  [sha256.Size]byte
	origin agent.Origin
}

type addressKey struct {
	net     netip.Prefix // see network
	origin  agent.Origin
	account string // Account.Key for OriginDevice, so that a person with many known devices does not lock others behind the address
}

// Origins of unknown resume tokens, which are counted separately from passwords. 256 bits cannot be guessed; in the LAN, many
// agents at once may have unknown tokens after the database was replaced.
const (
	originResume    agent.Origin = "resume"
	originResumeLAN agent.Origin = "resume_lan"
)

func newThrottle(now func() time.Time) *throttle {
	return &throttle{
		lockouts:      newCounts[string](0, 0, now),
		loginLockouts: newCounts[[sha256.Size]byte](0, maxLoginKeys, now),

		accounts: newCounts[accountKey](accountLimit, 0, now),
		logins:   newCounts[loginKey](accountLimit, maxLoginKeys, now),
		address:  newCounts[addressKey](addressLimit, maxAddressKeys, now),
		wider: map[int]*counts[netip.Prefix]{
			56: newCounts[netip.Prefix](customerLimit, maxAddressKeys, now),
			48: newCounts[netip.Prefix](organisationLimit, maxAddressKeys, now),
		},
		resume:  newCounts[addressKey](resumeLimit, maxAddressKeys, now),
		tickets: newCounts[addressKey](ticketLimit, maxAddressKeys, now),
	}
}

// signInAttempt is an attempt by password, with what its keys are made from.
type signInAttempt struct {
	login   string
	account agent.Account
	device  string
	peer    agent.Peer
	origin  agent.Origin
}

// owner is the Account.Key of an existing account; empty for an unknown login.
func (a signInAttempt) owner() string {
	if !a.account.Known {
		return ""
	}
	return a.account.Key
}

func (a signInAttempt) addressKey() addressKey {
	key := addressKey{net: network(a.peer), origin: a.origin}
	if a.origin == agent.OriginDevice {
		key.account = a.account.Key
	}
	return key
}

// enter begins an attempt; see counts.enter for waiting and errors. All attempts enter the counts in the same order, so that
// they do not wait for each other.
func (t *throttle) enter(ctx context.Context, a signInAttempt) (leave func(outcome), err error) {
	key := a.addressKey()
	var entered []func(outcome)
	leave = func(o outcome) {
		for _, one := range entered {
			one(o)
		}
	}
	steps := []func() (func(outcome), error){
		func() (func(outcome), error) { return t.enterAccount(ctx, a) },
		func() (func(outcome), error) { return t.enterLockout(ctx, a) },
		func() (func(outcome), error) { return enterAddress(ctx, t.address, key, a.owner()) },
	}
	for _, n := range t.widerNetworks(a) {
		steps = append(steps, func() (func(outcome), error) { return enterAddress(ctx, t.wider[n.Bits()], n, a.owner()) })
	}
	for _, step := range steps {
		one, err := step()
		if err != nil {
			leave(uncounted)
			return nil, err
		}
		entered = append(entered, one)
	}
	return leave, nil
}

// addressFull returns the refusal of an attempt whose address or network has used up its attempts, or nil.
func (t *throttle) addressFull(a signInAttempt) error {
	err := t.address.refusal(a.addressKey())
	for _, n := range t.widerNetworks(a) {
		if err == nil {
			err = t.wider[n.Bits()].refusal(n)
		}
	}
	return err
}

// widerNetworks returns the networks under which an attempt counts besides its address, smallest first.
func (t *throttle) widerNetworks(a signInAttempt) (list []netip.Prefix) {
	if a.origin != agent.OriginStranger {
		return nil
	}
	for _, n := range slices.Backward(a.peer.Networks()) {
		if t.wider[n.Bits()] != nil {
			list = append(list, n)
		}
	}
	return list
}

// unlock forgets the wrong attempts for an account, also in the counts of addresses.
func (t *throttle) unlock(account string) {
	t.lockouts.forget(account)
	t.accounts.forget(account)
	t.address.forget(account)
	for _, wider := range t.wider {
		wider.forget(account)
	}
}

// fullUntil is when no count of the account is full any more; zero if none is.
func (t *throttle) fullUntil(account string) time.Time {
	until := t.accounts.fullUntil(func(key accountKey) bool { return key.account == account })
	if lockout := t.lockouts.fullUntil(func(key string) bool { return key == account }); lockout.After(until) {
		return lockout
	}
	return until
}

func (t *throttle) enterAccount(ctx context.Context, a signInAttempt) (func(outcome), error) {
	if !a.account.Known {
		key := loginKey{sha256.Sum256([]byte(a.account.Key)), a.origin}
		e, err := t.logins.enter(ctx, key, "")
		return func(o outcome) { t.logins.leave(key, e, o) }, err
	}
	key := accountKey{account: a.account.Key, origin: a.origin}
	if a.origin == agent.OriginDevice {
		key.device = a.device
	}
	e, err := t.accounts.enter(ctx, key, a.account.Key)
	return func(o outcome) { t.accounts.leave(key, e, o) }, err
}

// enterLockout enters the count that keeps an account below the limit of its directory's lockout.
func (t *throttle) enterLockout(ctx context.Context, a signInAttempt) (func(outcome), error) {
	if a.account.Lockout.Limit <= 0 {
		return func(outcome) {}, nil
	}
	e, r := entry{account: a.owner(), stranger: a.origin == agent.OriginStranger}, lockoutRule(a.account.Lockout)
	if !a.account.Known {
		key := sha256.Sum256([]byte(a.account.Key))
		e, err := t.loginLockouts.enterUnder(ctx, key, e, r)
		return func(o outcome) { t.loginLockouts.leave(key, e, o) }, err
	}
	e, err := t.lockouts.enterUnder(ctx, a.account.Key, e, r)
	return func(o outcome) { t.lockouts.leave(a.account.Key, e, o) }, err
}

// lockoutRule leaves one attempt below the directory's limit, and half of the others to strangers. The directory counts
// from 0 again when its window has passed since the last wrong password, so all attempts expire together.
func lockoutRule(l agent.Lockout) rule {
	limit := max(l.Limit-1, 1)
	r := rule{limit: limit, strangers: max(limit/2, 1), window: l.Window, together: true}
	if r.window <= 0 {
		r.window = agent.UnknownLockoutWindow
	}
	return r
}

// enterAddress enters the count of an address. A right password does not clear it, because a guesser may have an account.
func enterAddress[K comparable](ctx context.Context, counts *counts[K], key K, account string) (func(outcome), error) {
	e, err := counts.enter(ctx, key, account)
	return func(o outcome) {
		if o == right {
			o = uncounted
		}
		counts.leave(key, e, o)
	}, err
}

// enterResume enters the count for an unknown resume token.
func (t *throttle) enterResume(ctx context.Context, p agent.Peer) (func(outcome), error) {
	if p.Inside {
		return enterAddress(ctx, t.resume, addressKey{net: network(p), origin: originResumeLAN}, "")
	}
	return enterAddress(ctx, t.address, addressKey{net: network(p), origin: originResume}, "")
}

// network is the key of an address. All loopback addresses share one, because a local program can use any of them.
func network(peer agent.Peer) netip.Prefix {
	if peer.Addr.IsLoopback() {
		return netip.PrefixFrom(netip.IPv6Loopback(), 128)
	}
	return peer.Host()
}
