package access

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"ideco-agent/agent"
)

// minRefusalDelay is the least time between a request and its refusal. Look-ups and comparisons take less, so the time does
// not reveal their result.
const minRefusalDelay = 300 * time.Millisecond

// Gate checks logins and passwords.
type Gate struct {
	directory  Directory
	devices    Devices
	log        *slog.Logger
	throttle   *throttle
	logins     *rates      // limits successful logins
	resumes    *rates      // limits successful resumes
	logLimiter *logLimiter // for events that a peer can repeat without limit
}

// NewGate makes a gate.
func NewGate(d Directory, devices Devices, log *slog.Logger) *Gate {
	return NewGateWithClock(d, devices, log, time.Now)
}

// NewGateWithClock makes a gate whose throttle of wrong passwords goes by another clock, for tests with a real directory.
func NewGateWithClock(d Directory, devices Devices, log *slog.Logger, now func() time.Time) *Gate {
	return &Gate{directory: d, devices: devices, log: log, throttle: newThrottle(now), logLimiter: &logLimiter{log: log, kinds: map[logKey]*repeated{}},
		logins: newRates(loginsPerAccount, loginsPerDevice), resumes: newRates(resumesPerAccount, resumesPerDevice)}
}

// SignIn is a login and a password from a peer.
type SignIn struct {
	Login    string
	Password string
	Peer     agent.Peer
	DeviceID string // of the agent, or of a browser that has a cookie; may be empty
}

// SignIn checks a password and returns the account. A refusal is an *agent.Error and takes at least 300 ms. Other errors are
// ctx.Err and failures in the gateway.
func (g *Gate) SignIn(ctx context.Context, s SignIn) (agent.User, error) {
	started := time.Now()
	user, err := g.signIn(ctx, s)
	if err != nil {
		holdBack(ctx, started)
	}
	return user, err
}

// directoryRetry is the Wait of a CodeDirectoryUnreachable to which the directory gave none.
const directoryRetry = time.Minute

// withWait sets directoryRetry in such a refusal. Without a Wait, agents would not try again.
func withWait(err error) error {
	var refusal *agent.Error
	if !errors.As(err, &refusal) || refusal.Code != agent.CodeDirectoryUnreachable || refusal.Wait > 0 {
		return err
	}
	later := *refusal
	later.Wait = directoryRetry
	return &later
}

// holdBack waits until minRefusalDelay after started.
func holdBack(ctx context.Context, started time.Time) {
	timer := time.NewTimer(time.Until(started.Add(minRefusalDelay)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// empty reports whether the login or the password is missing. Nobody is asked about such an attempt: it is neither counted nor written to
// the journal.
func (s SignIn) empty() bool { return s.Password == "" || strings.TrimSpace(s.Login) == "" }

// signIn is SignIn without the wait.
func (g *Gate) signIn(ctx context.Context, s SignIn) (agent.User, error) {
	return g.tryPassword(ctx, s, func(ctx context.Context, a agent.Account, c agent.Credentials) (agent.User, error) {
		return a.Authenticate(ctx, c)
	})
}

// tryPassword runs check, which compares the password, as one attempt that the throttle counts.
func (g *Gate) tryPassword(ctx context.Context, s SignIn, check func(context.Context, agent.Account, agent.Credentials) (agent.User, error)) (agent.User, error) {
	s.DeviceID = agent.Clean(s.DeviceID, agent.MaxDeviceIDLen)
	if s.empty() || len(s.Login) > agent.MaxLoginTyped {
		return agent.User{}, agent.Refuse(agent.CodeBadCredentials) // cannot be a guess, so it is not counted
	}
	a, err := g.attempt(ctx, s)
	if err != nil {
		return agent.User{}, err
	}
	leave, err := g.throttle.enter(ctx, a)
	if err != nil {
		g.logRefusal(ctx, "login_throttled", a, err)
		return agent.User{}, err
	}
	user, err := check(ctx, a.account, agent.Credentials{Login: s.Login, Password: s.Password, Peer: s.Peer, Origin: a.origin})
	leave(outcomeOf(err))
	switch code := user.Refusal(); {
	case err != nil:
	case code != "":
		err = agent.Refuse(code)
	case user.MustChange:
		err = &agent.Error{Code: agent.CodePasswordMustChange, MayChange: true,
			Policy: &agent.PasswordPolicy{MinLength: agent.MinPassword, History: 1}}
	}
	if err != nil {
		g.logRefusal(ctx, "login_failed", a, err)
		return agent.User{}, withWait(err)
	}
	if err := g.logins.take(user.ID, s.DeviceID); err != nil {
		g.logRefusal(ctx, "login_too_often", a, err)
		return agent.User{}, err
	}
	g.remember(ctx, user, s.DeviceID)
	return user, nil
}

// outcomeOf returns how the throttle counts an attempt with this result of Authenticate. Only CodeBadCredentials says that the
// password was wrong. If the directory did not answer, the gateway failed or ctx ended, the directory may have counted a wrong one.
func outcomeOf(err error) outcome {
	if err == nil {
		return right
	}
	if errors.Is(err, agent.ErrPasswordNotSent) {
		return uncounted
	}
	switch agent.AsError(err).Code {
	case agent.CodeBadCredentials:
		return wrong
	case agent.CodeDirectoryUnreachable, agent.CodeInternal:
		return perhapsWrong
	}
	return uncounted
}

// attempt finds the account and the origin of a sign-in.
func (g *Gate) attempt(ctx context.Context, s SignIn) (signInAttempt, error) {
	a := signInAttempt{login: s.Login, device: s.DeviceID, peer: s.Peer, origin: originOf(s.Peer)}
	if err := g.refuseEarly(ctx, a); err != nil {
		return a, err
	}
	var err error
	if a.account, err = g.directory.Find(ctx, s.Login); err != nil {
		return a, withWait(err)
	}
	known, err := g.knowsDevice(ctx, a)
	if known {
		a.origin = agent.OriginDevice
	}
	return a, err
}

// refuseEarly refuses an attempt from an address that has used up its attempts, before a directory on the network is asked,
// unless it comes from a known device.
func (g *Gate) refuseEarly(ctx context.Context, a signInAttempt) error {
	full := g.throttle.addressFull(a)
	if full == nil {
		return nil
	}
	var err error
	if a.account.UserID, a.account.Known, err = g.directory.Knows(ctx, a.login); err != nil {
		return err
	}
	if known, err := g.knowsDevice(ctx, a); known || err != nil {
		return err
	}
	g.logRefusal(ctx, "login_throttled", a, full)
	return full
}

// knowsDevice reports whether the account's person has logged in on the attempt's device before.
func (g *Gate) knowsDevice(ctx context.Context, a signInAttempt) (bool, error) {
	if a.account.UserID == 0 || a.device == "" {
		return false, nil
	}
	return g.devices.KnowsDevice(ctx, a.account.UserID, a.device)
}

// originOf returns the origin of an unknown device.
func originOf(p agent.Peer) agent.Origin {
	switch {
	case p.Addr.IsLoopback():
		return agent.OriginLoopback
	case p.Inside:
		return agent.OriginLAN
	}
	return agent.OriginStranger
}

// remember stores the time and the device of a sign-in. A failure is only logged: the device then counts as unknown at the next
// sign-in.
func (g *Gate) remember(ctx context.Context, user agent.User, device string) {
	now := time.Now()
	err := g.devices.RememberLogin(ctx, user.ID, now)
	if device != "" {
		err = errors.Join(err, g.devices.RememberDevice(ctx, user.ID, device, now))
	}
	if err != nil && agent.AsError(err).Code != agent.CodeStoreUnavailable { // the store logs it once
		g.log.ErrorContext(ctx, "a sign-in was not remembered", "user", user.ID, "device", device, "error", err)
	}
}

// Throttled returns when the throttle of the account ends; zero if it is not throttled.
func (g *Gate) Throttled(user agent.User) time.Time { return g.throttle.fullUntil(user.AccountKey()) }

// Unlock forgets the wrong passwords of an account, wherever they came from. A directory on the network goes on counting them.
func (g *Gate) Unlock(user agent.User) { g.throttle.unlock(user.AccountKey()) }

// logRefusal logs a refusal as a security event. Every wrong password for an account is logged; the throttle limits their
// number. Other refusals go through logLimiter.
func (g *Gate) logRefusal(ctx context.Context, event string, a signInAttempt, err error) {
	var refusal *agent.Error
	if !errors.As(err, &refusal) || refusal.Code == agent.CodeStoreUnavailable {
		return // failures in the gateway are logged elsewhere
	}
	attrs := []any{"account", a.loggedLogin(), "peer", a.peer, "origin", string(a.origin), "device", a.device,
		"code", string(refusal.Code)}
	if refusal.Code == agent.CodeBadCredentials && a.account.Known {
		g.log.WarnContext(ctx, "sign-in refused", append([]any{"event", event}, attrs...)...)
		return
	}
	g.logLimiter.warn(ctx, logKey{event, string(refusal.Code), widestNetwork(a.peer), a.account.UserID}, "sign-in refused", attrs...)
}

// loggedLogin is the login for the log. An unknown one is hidden, because people type passwords there.
func (a signInAttempt) loggedLogin() string {
	if !a.account.Known {
		return "***"
	}
	return agent.Clean(a.login, agent.MaxLogin)
}
