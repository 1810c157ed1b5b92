package web

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/store"
	"ideco-agent/templates/locale"
	"ideco-agent/web/certs"
)

// rootChange announces and makes changes of the root. It has the methods of handlers.Certificates for that.
type rootChange struct {
	root  *certs.Authority
	store *store.Store
	tell  func() // tells the agents what has changed
	log   *slog.Logger
}

func (r *rootChange) Root() agent.RootCertificate   { return r.root.Root() }
func (r *rootChange) RootChange() *agent.RootChange { return r.root.Change() }

func (r *rootChange) AnnounceRoot(ctx context.Context, by string) error {
	err := r.root.AnnounceNext()
	if errors.Is(err, certs.ErrAnnounced) {
		return agent.Problem{Field: "root", Code: locale.FieldRootAnnounced}
	}
	if err != nil {
		return err
	}
	if change := r.root.Change(); change != nil {
		r.changed(ctx, agent.EventRootAnnounced, by, change.Next)
	}
	return nil
}

func (r *rootChange) CancelRoot(ctx context.Context, by string) error {
	change := r.root.Change()
	if err := r.root.CancelNext(); err != nil || change == nil {
		return err
	}
	r.changed(ctx, agent.EventRootCancelled, by, change.Next)
	return nil
}

// changed tells the agents and adds an event to the history.
func (r *rootChange) changed(ctx context.Context, event agent.CertificateEventKind, by string, root agent.RootCertificate) {
	r.tell()
	e := agent.CertificateEvent{At: time.Now(), Event: event, Source: agent.SourceOwnRoot, By: by, Detail: root.Subject}
	if err := r.store.AddCertificateEvent(context.WithoutCancel(ctx), e); err != nil {
		r.log.Error("an event of the certificates was not stored", "event", event, "error", err)
	}
}

const followRootEvery = time.Minute

// run makes an announced change when its time has come. It returns when ctx is done.
func (r *rootChange) run(ctx context.Context) error {
	tick := time.NewTicker(followRootEvery)
	defer tick.Stop()
	failed := "" // the last error, which is not logged again
	for {
		if err := r.follow(ctx); err != nil && err.Error() != failed {
			failed = err.Error()
			r.log.Error("change the root certificate", "error", err)
		} else if err == nil {
			failed = ""
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (r *rootChange) follow(ctx context.Context) error {
	step, err := r.root.FollowNext()
	switch step {
	case certs.NextPostponed:
		r.log.Warn("the change of the root certificate is postponed: the gateway was off, or its clock has jumped", "event", "root_postponed")
		r.tell()
	case certs.NextIsRoot:
		r.log.Warn("the root certificate has changed; installers from before do not work any more", "event", "root_changed")
		r.changed(ctx, agent.EventRootChanged, "", r.root.Root())
	}
	return err
}
