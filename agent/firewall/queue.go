package firewall

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"ideco-agent/agent"
)

// Refusals of GrantAddress.
var (
	ErrNoSession    = errors.New("no such session is let through")
	ErrNotSameHost  = errors.New("this address is not seen at the MAC of the session")
	ErrAddressTaken = errors.New("another session has this address")
)

// action is what a task asks for.
type action int

const (
	actGrant action = iota
	actGrantAddress
	actRevoke
	actRevokeAddress
)

// task is something for the keeper to do in its turn.
type task struct {
	action action
	client
	still bool       // of a grant: only as far as the kernel lets the session through already
	done  chan error // nil when nobody waits
}

// client is what there is to know of a session: whose it is, and where. Tasks about further addresses name the session and
// the address alone.
type client struct {
	owner
	kind agent.Kind
	addr netip.Addr
}

func clientOf(s *agent.Session) client {
	return client{owner{s.ID, s.UserID}, s.Kind, agent.Unmap(s.Address)}
}

func further(sessionID string, a netip.Addr) client {
	return client{owner: owner{session: sessionID}, addr: agent.Unmap(a)}
}

// Grant lets a session's address through, or keeps it so when it already is. Whatever session had the address before ends.
// After an error nothing new is let through.
func (f *Firewall) Grant(ctx context.Context, s agent.Session) error {
	return f.ask(ctx, &task{action: actGrant, client: clientOf(&s)})
}

// Readmit keeps the address of a session of the process before let through, as far as it is: what has expired, or went with
// a boot, stays closed until Grant. Its agent has not come back yet, and by now somebody else may have the address.
func (f *Firewall) Readmit(ctx context.Context, s agent.Session) error {
	return f.ask(ctx, &task{action: actGrant, still: true, client: clientOf(&s)})
}

// GrantAddress lets a further address of a session in the LAN through, which somebody has proved to be the same host's:
// it must be a neighbour with the MAC of the session. It ends with the session. How many there may be is for the caller to
// say. Errors: ErrNoSession, ErrNotSameHost, ErrAddressTaken.
func (f *Firewall) GrantAddress(ctx context.Context, sessionID string, a netip.Addr) error {
	return f.ask(ctx, &task{action: actGrantAddress, client: further(sessionID, a)})
}

// RevokeAddress takes one further address of a session away, as Revoke does with all of them. One that the session does
// not have is no error.
func (f *Firewall) RevokeAddress(_ context.Context, sessionID string, a netip.Addr) {
	_ = f.leave(&task{action: actRevokeAddress, client: further(sessionID, a)}) // a closed firewall lets it expire
}

// Revoke takes away the session's address and all further addresses that it was given, within milliseconds of its return,
// and cuts what is established. In the LAN the address is closed whichever session it was granted to last: whoever revokes
// after another session was granted there means that one. In the tunnel it is closed for this session alone, because its
// address may be another's by now. What fails is repeated until it works or has expired.
func (f *Firewall) Revoke(_ context.Context, s agent.Session) {
	_ = f.leave(&task{action: actRevoke, client: clientOf(&s)}) // a closed firewall lets it expire
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

// answer tells whoever waits that tasks are done.
func answer(tasks []*task, err error) {
	for _, t := range tasks {
		if t.done != nil {
			t.done <- err
		}
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
		if t.action != actRevoke && t.action != actRevokeAddress {
			return true
		}
	}
	return false
}

// gather waits for more when only removals are in the queue.
func (k *keeper) gather() {
	over := time.NewTimer(gatherTime)
	defer over.Stop()
	for !k.f.urgent() {
		select {
		case <-over.C:
			return
		case <-k.f.stop:
			return
		case <-k.f.wake:
		}
	}
}

// work does tasks in their order; those that follow each other and ask for the like are done together.
func (k *keeper) work(tasks []*task) {
	for len(tasks) > 0 {
		n := 1
		for n < len(tasks) && tasks[n].action == tasks[0].action {
			n++
		}
		switch tasks[0].action {
		case actRevoke:
			k.revoke(tasks[:n])
		case actRevokeAddress:
			k.revokeAddresses(tasks[:n])
		case actGrant:
			k.grant(tasks[:n])
		case actGrantAddress:
			for _, t := range tasks[:n] {
				answer([]*task{t}, k.grantAddress(t))
			}
		}
		tasks = tasks[n:]
	}
}
