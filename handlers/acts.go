package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
)

// Acts is the journal of acts.
type Acts interface {
	// AddActs records acts, all or none.
	AddActs(context.Context, ...agent.Act) error
	// Acts returns a page, the newest act first. Errors: agent.Problem if the query is invalid.
	Acts(context.Context, agent.ActQuery) (agent.ActPage, error)
	// EachAct calls do for all acts that a query selects, ignoring its Offset and Limit. Writers do not wait for it.
	EachAct(ctx context.Context, q agent.ActQuery, do func(agent.Act) error) error
	// ActLogins returns the distinct logins that acts have, at most limit.
	ActLogins(ctx context.Context, limit int) ([]string, error)
}

// act logs an act of this visitor as a security event with these attributes, and records it in the journal of acts. It comes after the
// change, in a transaction of its own: the change is not undone if the act cannot be recorded, which is logged.
func (s *Site) act(c echo.Context, a agent.Act, attrs ...any) {
	s.securityEvent(c, string(a.Code), attrs...)
	s.record(c, a)
}

// record records acts of this visitor in the journal of acts.
func (s *Site) record(c echo.Context, acts ...agent.Act) {
	v, now := who(c), time.Now()
	for i := range acts {
		acts[i].At, acts[i].Peer = now, v.Peer
		acts[i].Source = agent.ActByPage
		if isREST(c) {
			acts[i].Source = agent.ActByREST
		}
		if v.User != nil && acts[i].By == 0 {
			acts[i].By, acts[i].Login = v.User.ID, fullLogin(*v.User)
		}
	}
	if err := s.Acts.AddActs(context.WithoutCancel(c.Request().Context()), acts...); err != nil {
		s.Log.Error("an act is not in the journal of acts", "event", acts[0].Code, "error", err)
	}
}

// actOn returns an act on an object with a number.
func actOn[ID ~int64](code agent.ActCode, id ID, name string, changes ...agent.ActChange) agent.Act {
	return agent.Act{Code: code, Object: idText(id), Name: name, Changes: changes}
}

// secretChange is the change of a field whose values are not recorded.
func secretChange(field string) agent.ActChange { return agent.ActChange{Field: field, Secret: true} }

// difference returns the fields that differ between two answers of REST, ordered by name. A nil map has no fields. It leaves out the
// fields that only the gateway sets.
func difference(before, after map[string]any) (changes []agent.ActChange) {
	was, is := encodeFields(before), encodeFields(after)
	names := map[string]bool{}
	for name := range was {
		names[name] = true
	}
	for name := range is {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !bytes.Equal(was[name], is[name]) {
			changes = append(changes, agent.ActChange{Field: name, Before: was[name], After: is[name]})
		}
	}
	return changes
}

// encodeFields encodes fields, without those that are empty, and cuts long values.
func encodeFields(fields map[string]any) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for name, field := range fields {
		var value any
		b, err := json.Marshal(field)
		if err == nil {
			err = json.Unmarshal(b, &value)
		}
		if err != nil || value == nil || value == "" {
			continue
		}
		if list, is := value.([]any); is && len(list) == 0 {
			continue
		}
		out[name] = b
	}
	return out
}
