package seat

import "sync"

// Bell tells everybody who watches that something has changed. The zero Bell is ready.
type Bell struct {
	mu       sync.Mutex // guards watchers
	watchers map[chan struct{}]struct{}
}

// Watch is Seat's.
func (b *Bell) Watch() (<-chan struct{}, func()) {
	changed := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.watchers == nil {
		b.watchers = map[chan struct{}]struct{}{}
	}
	b.watchers[changed] = struct{}{}
	return changed, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.watchers, changed)
	}
}

// Ring tells them.
func (b *Bell) Ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for w := range b.watchers {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}
