package session

import "sync"

// Watchers notifies all watchers of a change. The zero value is ready to use.
type Watchers struct {
	mu       sync.Mutex // guards channels
	channels map[chan struct{}]struct{}
}

// Watch returns a channel that holds one element after every change, and a function that ends the watch.
func (w *Watchers) Watch() (<-chan struct{}, func()) {
	changed := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.channels == nil {
		w.channels = map[chan struct{}]struct{}{}
	}
	w.channels[changed] = struct{}{}
	return changed, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.channels, changed)
	}
}

// Notify notifies all watchers.
func (w *Watchers) Notify() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for changed := range w.channels {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
}
