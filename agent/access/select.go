package access

import (
	"cmp"
	"time"

	"ideco-agent/agent"
)

// maxCountAge is how old the counters in the answer of Select may be.
const maxCountAge = time.Second

// Selection is what Select returns.
type Selection struct {
	Sessions []agent.LiveSession // one page
	Total    int                 // sessions that the filter selects
	All      int                 // all live sessions
	VPN      int                 // live sessions of KindVPN
}

// Select returns one page of the sessions that a filter selects: they are sorted by a value, and at most limit of them are returned, from
// offset on. Sessions with the same value are sorted by their start. down reverses the whole order. With many sessions it costs much less
// than Sessions. It does not wait for changes.
func (m *Manager) Select(filter agent.SessionFilter, by agent.SessionOrder, down bool, offset, limit int) Selection {
	m.countIfOld()
	matches := filter.Matcher()
	m.mu.Lock()
	defer m.mu.Unlock()
	list := m.scratch[:0]
	defer func() { clear(list); m.scratch = list }()
	page := Selection{All: len(m.sessions)}
	for _, s := range m.sessions {
		if s.Kind == agent.KindVPN {
			page.VPN++
		}
		if matches(s) {
			list = append(list, sorted{s, by.Key(s)})
		}
	}
	from := min(max(offset, 0), len(list))
	to := from + min(max(limit, 0), len(list)-from)
	sortRange(list, from, to, func(a, b *sorted) int {
		c := a.key.Compare(b.key)
		if c == 0 {
			c = cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.ID, b.ID))
		}
		if down {
			return -c
		}
		return c
	})
	page.Total, page.Sessions = len(list), make([]agent.LiveSession, 0, to-from)
	for _, one := range list[from:to] {
		page.Sessions = append(page.Sessions, one.live())
	}
	return page
}

// sorted is a session with the value by which it is sorted.
type sorted struct {
	*session
	key agent.SessionKey
}

// sortRange puts into list[from:to] what would be there if the whole list were sorted. It is a quicksort that skips the parts before and
// after.
func sortRange[T any](list []T, from, to int, compare func(a, b *T) int) {
	for len(list) > 1 && from < to {
		// The median of three is the pivot. It moves to the end of the list.
		last := len(list) - 1
		a, b, c := 0, last/2, last
		if compare(&list[b], &list[a]) < 0 {
			a, b = b, a
		}
		if compare(&list[c], &list[b]) < 0 {
			if b = c; compare(&list[b], &list[a]) < 0 {
				b = a
			}
		}
		list[b], list[last] = list[last], list[b]
		pivot := 0
		for i := range last {
			if compare(&list[i], &list[last]) < 0 {
				list[i], list[pivot] = list[pivot], list[i]
				pivot++
			}
		}
		list[pivot], list[last] = list[last], list[pivot]
		if from < pivot {
			sortRange(list[:pivot], from, min(to, pivot), compare)
		}
		list, from, to = list[pivot+1:], max(0, from-pivot-1), to-pivot-1
	}
}
