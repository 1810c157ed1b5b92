package handlers

import (
	"context"

	"ideco-agent/agent"
)

// Journal is the journal of authorisations.
type Journal interface {
	// Entries returns a page. Errors: agent.Problem if the query is invalid.
	Entries(context.Context, agent.JournalQuery) (agent.JournalPage, error)
	// EachEntry calls do for all entries that a query selects, ignoring its Offset and Limit. Writers do not wait for it.
	EachEntry(ctx context.Context, q agent.JournalQuery, do func(agent.JournalEntry) error) error
	// Values returns the distinct values of a column, at most limit.
	Values(ctx context.Context, column agent.JournalColumn, limit int) ([]string, error)
}
