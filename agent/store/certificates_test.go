package store

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ideco-agent/agent"
)

func TestUploadedCertificates(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	add := func(c agent.UploadedCertificate) agent.UploadedCertificate {
		t.Helper()
		id, err := s.AddUploadedCertificate(ctx, c)
		check(t, err)
		c.ID = id
		return c
	}
	stored := func(want ...agent.UploadedCertificate) {
		t.Helper()
		got, err := s.UploadedCertificates(ctx)
		check(t, err)
		if diff := cmp.Diff(append([]agent.UploadedCertificate{}, want...), got); diff != "" {
			t.Error(diff)
		}
	}
	stored()
	first := add(agent.UploadedCertificate{Added: start, PEM: "one", Sealed: "key 1"})
	second := add(agent.UploadedCertificate{Added: start.Add(time.Hour), PEM: "two", Sealed: "key 2"})
	stored(second, first)
	first.Added, first.PEM, first.Sealed = start.Add(2*time.Hour), "one and its chain", "key 3"
	if again := add(first); again.ID != first.ID {
		t.Errorf("a replaced certificate has ID %d, want %d", again.ID, first.ID)
	}
	stored(first, second)

	check(t, s.RemoveUploadedCertificate(ctx, second.ID))
	stored(first)
	if err := s.RemoveUploadedCertificate(ctx, second.ID); !errors.Is(err, agent.ErrNotFound) {
		t.Errorf("remove a certificate that is gone: %v", err)
	}
	if _, err := s.AddUploadedCertificate(ctx, second); !errors.Is(err, agent.ErrNotFound) {
		t.Errorf("replace a certificate that is gone: %v", err)
	}
	if third := add(agent.UploadedCertificate{Added: start, PEM: "three"}); third.ID == second.ID {
		t.Error("the ID of a removed certificate was given again")
	}
}

func TestCertificateEvents(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	e := agent.CertificateEvent{At: start, Event: agent.EventFailed, Name: "gw.company.ru", Source: agent.SourceACME, By: "ivanov",
		Cause: agent.CauseDNS, Args: map[string]string{"Address": "203.0.113.7"}, Detail: "SERVFAIL"}
	check(t, s.AddCertificateEvent(ctx, e))
	got, err := s.CertificateEvents(ctx, 10)
	check(t, err)
	if diff := cmp.Diff([]agent.CertificateEvent{e}, got); diff != "" {
		t.Error(diff)
	}
	for i := range maxCertificateEvents + 1 {
		check(t, s.AddCertificateEvent(ctx, agent.CertificateEvent{At: start, Event: agent.EventRenewed, Detail: fmt.Sprint(i)}))
	}
	got, err = s.CertificateEvents(ctx, 2*maxCertificateEvents)
	check(t, err)
	if len(got) != maxCertificateEvents || got[0].Detail != fmt.Sprint(maxCertificateEvents) || got[len(got)-1].Detail != "1" {
		t.Errorf("%d events, from %+v to %+v", len(got), got[0], got[len(got)-1])
	}
	got, err = s.CertificateEvents(ctx, 2)
	if check(t, err); len(got) != 2 || got[1].Detail != fmt.Sprint(maxCertificateEvents-1) {
		t.Errorf("the newest two: %+v", got)
	}
}
