package firewall

import (
	"context"
	"errors"
	"net/netip"

	"ideco-agent/agent"
)

// Limits of a session: one IPv4 address, and as many of IPv6 as privacy extensions use.
const maxIPv6 = 8

// Refusals of GrantAddress.
var (
	ErrNoSession    = errors.New("no such session is let through")
	ErrNotSameHost  = errors.New("this address is not seen at the MAC of the session")
	ErrAddressTaken = errors.New("another session has this address")
	ErrTooMany      = errors.New("the session has an IPv4 address already")
)

// action is what a task asks for.
type action int

const (
	actGrant action = iota
	actGrantAddress
	actRevoke
)

// task is something for the keeper to do in its turn.
type task struct {
	action  action
	session agent.Session
	address netip.Addr // of actGrantAddress
	done    chan error // nil when nobody waits
}

// Grant lets a session's address through, or keeps it so when it already is. Whatever session had the address before
// loses it; what it had proved goes over to the same person's session. After an error nothing new is let through.
func (f *Firewall) Grant(ctx context.Context, s agent.Session) error {
	s.Address = clean(s.Address)
	return f.ask(ctx, &task{action: actGrant, session: s})
}

// GrantAddress lets a further address of a session in the LAN through, which somebody has proved to be the same host's:
// it must be a neighbour with the MAC of the session. Of more than 8 addresses of IPv6 the one that was granted first
// goes. It ends with the session. Errors: ErrNoSession, ErrNotSameHost, ErrAddressTaken, ErrTooMany.
func (f *Firewall) GrantAddress(ctx context.Context, sessionID string, a netip.Addr) error {
	return f.ask(ctx, &task{action: actGrantAddress, session: agent.Session{ID: sessionID}, address: clean(a)})
}

// Revoke takes away all that a session was given at its address, within milliseconds of its return, and cuts what is
// established. An address that another session has by now stays let through, and so does a session that has moved since. What fails is repeated until it works or has expired.
func (f *Firewall) Revoke(_ context.Context, s agent.Session) {
	s.Address = clean(s.Address)
	_ = f.leave(&task{action: actRevoke, session: s}) // a closed firewall lets it expire
}

// ask leaves a task and waits until it is done.
func (f *Firewall) ask(ctx context.Context, t *task) error {
	if f.mode == ModeOff {
		return nil
	}
	t.done = make(chan error, 1)
	if err := f.leave(t); err != nil {
		return err
	}
	select {
	case err := <-t.done:
		return err
	case <-ctx.Done():
		return ctx.Err() // the task is done all the same, and a Revoke after it undoes it
	}
}

// leave puts a task in the queue.
func (f *Firewall) leave(t *task) error {
	if f.mode == ModeOff {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return ErrClosed
	}
	f.tasks = append(f.tasks, t)
	select {
	case f.wake <- struct{}{}:
	default: // it is awake
	}
	return nil
}

// take empties the queue.
func (f *Firewall) take() []*task {
	f.mu.Lock()
	defer f.mu.Unlock()
	tasks := f.tasks
	f.tasks = nil
	return tasks
}

// urgent tells whether there is anything in the queue that does not wait for more of its kind.
func (f *Firewall) urgent() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.tasks) >= perTransaction {
		return true
	}
	for _, t := range f.tasks {
		if t.action != actRevoke {
			return true
		}
	}
	return false
}
