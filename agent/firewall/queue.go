package firewall

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"ideco-agent/agent"
)

// Refusals of GrantAddress.
var (
	ErrNoSession    error = &agent.Error{Code: agent.CodeAddressRefused, Err: errors.New("no such session is let through")}
	ErrNotSameHost  error = &agent.Error{Code: agent.CodeAddressRefused, Err: errors.New("this address is not seen at the MAC of the session")}
	ErrAddressTaken error = &agent.Error{Code: agent.CodeAddressRefused, Err: errors.New("another session has this address")}
)

type action int

const (
	actGrant action = iota
	actGrantAddress
	actRevoke
	actRevokeAddress
)

// task is a queued request to the reconciler.
type task struct {
	action action
	sessionInfo
	readmit bool       // of Readmit: keep existing elements only
	done    chan error // gets the result; nil if nobody waits
}

// sessionInfo is what the firewall knows of a session. In tasks about further addresses only the session's ID and the address are
// set.
type sessionInfo struct {
	owner
	kind    agent.Kind
	addr    netip.Addr
	onlyMAC mac // the only MAC that is let through; zero = that in the neighbour table, for KindStatic any
}

func infoOf(s *agent.Session) sessionInfo {
	info := sessionInfo{owner: owner{s.ID, s.UserID}, kind: s.Kind, addr: agent.Unmap(s.Address)}
	if m, err := net.ParseMAC(s.MACStored); !s.Kind.HasAgent() && err == nil {
		copy(info.onlyMAC[:], m)
	}
	return info
}

// further returns what a task about a further address has of its session.
func further(sessionID string, a netip.Addr) sessionInfo {
	return sessionInfo{owner: owner{session: sessionID}, addr: agent.Unmap(a)}
}

// Grant lets a session's address through. For KindWeb and KindStatic, only Session.MACStored is let through if there is one. KindStatic
// without a MACStored has access from any computer. Grant ends another session that has the address. After an error nothing new is let
// through.
func (f *Firewall) Grant(ctx context.Context, s agent.Session) error {
	return f.ask(ctx, &task{action: actGrant, sessionInfo: infoOf(&s)})
}

// ErrExpired is the error of Readmit for a session of KindWeb whose element has expired.
var ErrExpired = errors.New("the address was closed while the gateway did not run")

// Readmit keeps the elements of a session of the previous process. An element that has expired, or was lost with a reboot,
// is not added: the agent has not come back yet, and another computer may have the address by now. Errors: ErrExpired.
func (f *Firewall) Readmit(ctx context.Context, s agent.Session) error {
	return f.ask(ctx, &task{action: actGrant, readmit: true, sessionInfo: infoOf(&s)})
}

// GrantAddress lets a further address of a session in the LAN through until the session ends. The address must be a neighbour with the
// session's MAC. The caller has checked an agent's proof, and limits the number of addresses. Errors: ErrNoSession, ErrNotSameHost,
// ErrAddressTaken.
func (f *Firewall) GrantAddress(ctx context.Context, sessionID string, a netip.Addr) error {
	return f.ask(ctx, &task{action: actGrantAddress, sessionInfo: further(sessionID, a)})
}

// RevokeAddress closes one further address of a session, as Revoke does with all of them. It ignores an address that the
// session does not have.
func (f *Firewall) RevokeAddress(_ context.Context, sessionID string, a netip.Addr) {
	_ = f.enqueue(&task{action: actRevokeAddress, sessionInfo: further(sessionID, a)}) // a closed firewall lets it expire
}

// Revoke closes the session's address and all its further addresses within milliseconds of its return, and cuts their
// connections. In the LAN it closes the address even if another session has it by now. In the tunnel it closes the address
// only if no other session has it. Failures are repeated until they succeed or the elements have expired.
func (f *Firewall) Revoke(_ context.Context, s agent.Session) {
	_ = f.enqueue(&task{action: actRevoke, sessionInfo: infoOf(&s)}) // a closed firewall lets it expire
}

// ask queues a task and waits for its result.
func (f *Firewall) ask(ctx context.Context, t *task) error {
	if f.mode == ModeOff {
		return nil
	}
	t.done = make(chan error, 1)
	if err := f.enqueue(t); err != nil {
		return err
	}
	select {
	case err := <-t.done:
		return err
	case <-ctx.Done():
		return ctx.Err() // the task is still done; the caller's Revoke undoes it
	}
}

// answer sends the result of tasks to the callers that wait for it.
func answer(tasks []*task, err error) {
	for _, t := range tasks {
		if t.done != nil {
			t.done <- err
		}
	}
}

func (f *Firewall) enqueue(t *task) error {
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
	default: // a signal is pending
	}
	return nil
}

// take empties the queue and returns its tasks.
func (f *Firewall) take() []*task {
	f.mu.Lock()
	defer f.mu.Unlock()
	tasks := f.tasks
	f.tasks = nil
	return tasks
}

// urgent reports whether the queue has a grant or a full transaction of revocations.
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

// gather waits up to batchTime for further tasks while the queue has only revocations.
func (r *reconciler) gather() {
	over := time.NewTimer(batchTime)
	defer over.Stop()
	for !r.f.urgent() {
		select {
		case <-over.C:
			return
		case <-r.f.stop:
			return
		case <-r.f.wake:
		}
	}
}

// work does tasks in order. Successive tasks of one kind are done together.
func (r *reconciler) work(tasks []*task) {
	for len(tasks) > 0 {
		n := 1
		for n < len(tasks) && tasks[n].action == tasks[0].action {
			n++
		}
		switch tasks[0].action {
		case actRevoke:
			r.revoke(tasks[:n])
		case actRevokeAddress:
			r.revokeAddresses(tasks[:n])
		case actGrant:
			r.grant(tasks[:n])
		case actGrantAddress:
			for _, t := range tasks[:n] {
				answer([]*task{t}, r.grantAddress(t))
			}
		}
		tasks = tasks[n:]
	}
}
