package handlers

import (
	"context"

	"ideco-agent/agent"
)

// fakeJournal returns its entries for every filter, and records the queries.
type fakeJournal struct {
	entries []agent.JournalEntry
	queries []agent.JournalQuery
	fails   error  // returned by the methods; by EachEntry after all entries
	onEntry func() // if set, EachEntry calls it before each entry
}

func (f *fakeJournal) Entries(_ context.Context, q agent.JournalQuery) (agent.JournalPage, error) {
	f.queries = append(f.queries, q)
	from := min(q.Offset, len(f.entries))
	return agent.JournalPage{Entries: f.entries[from:min(from+q.Limit, len(f.entries))], Total: len(f.entries)}, f.fails
}

func (f *fakeJournal) EachEntry(_ context.Context, q agent.JournalQuery, do func(agent.JournalEntry) error) error {
	f.queries = append(f.queries, q)
	for _, e := range f.entries {
		if f.onEntry != nil {
			f.onEntry()
		}
		if err := do(e); err != nil {
			return err
		}
	}
	return f.fails
}

func (f *fakeJournal) Values(_ context.Context, _ agent.JournalColumn, limit int) ([]string, error) {
	var all []string
	for _, e := range f.entries {
		all = append(all, e.Login)
	}
	return all[:min(limit, len(all))], f.fails
}
