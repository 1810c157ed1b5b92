package web

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
	"ideco-agent/web/certs"
)

// rootChange announces and makes changes of the root. It has the methods of handlers.Certificates for that.
type rootChange struct {
	root   *certs.Authority
	tell   func()                       // tells the agents what has changed
	record func(agent.CertificateEvent) // adds to the history and to the log
	log    *slog.Logger
}

func (r *rootChange) Root() agent.RootCertificate   { return r.root.Root() }
func (r *rootChange) RootChange() *agent.RootChange { return r.root.Change() }

func (r *rootChange) AnnounceRoot(_ context.Context, by string) error {
	err := r.root.AnnounceNext()
	if errors.Is(err, certs.ErrAnnounced) {
		return agent.Problem{Field: "root", Code: locale.FieldRootAnnounced}
	}
	if err != nil {
		return err
	}
	if change := r.root.Change(); change != nil {
		r.changed(agent.EventRootAnnounced, by, change.Next)
	}
	return nil
}

func (r *rootChange) CancelRoot(_ context.Context, by string) error {
	change := r.root.Change()
	if err := r.root.CancelNext(); err != nil || change == nil {
		return err
	}
	r.changed(agent.EventRootCancelled, by, change.Next)
	return nil
}

// changed tells the agents and the history.
func (r *rootChange) changed(event agent.CertificateEventKind, by string, root agent.RootCertificate) {
	r.tell()
	r.record(agent.CertificateEvent{At: time.Now(), Event: event, Source: agent.SourceOwnRoot, By: by, Detail: root.Subject})
}

const followRootEvery = time.Minute

// run makes an announced change when its time has come. It returns when ctx is done.
func (r *rootChange) run(ctx context.Context) error {
	failed := "" // the last error, which is not logged again
	for {
		err := r.follow()
		if err != nil && err.Error() != failed {
			r.log.Error("the root certificate cannot be changed", "error", err)
		}
		if failed = ""; err != nil {
			failed = err.Error()
		}
		wait := followRootEvery
		if change := r.root.Change(); change != nil && time.Now().Before(change.From) {
			wait = min(wait, time.Until(change.From))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// follow makes the change if it is due, and reports what happened to it.
func (r *rootChange) follow() error {
	step, err := r.root.FollowNext()
	switch step {
	case certs.NextPostponed:
		r.log.Warn("the change of the root certificate is postponed: the gateway was off, or its clock has jumped", "event", "root_postponed")
		r.tell()
	case certs.NextIsRoot:
		r.changed(agent.EventRootChanged, "", r.root.Root())
	}
	return err
}
