package tunnel

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/windows"
	"golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"
)

// changes calls a function, in its own goroutine, when the computer's routes or interfaces have changed.
type changes struct {
	some      chan struct{} // holds one: several changes count as one
	quit      chan struct{}
	done      sync.WaitGroup
	callbacks []winipcfg.ChangeCallback
}

// watchChanges begins to record changes; tell begins to report them.
func watchChanges() (*changes, error) {
	c := &changes{some: make(chan struct{}, 1), quit: make(chan struct{})}
	routes, err := winipcfg.RegisterRouteChangeCallback(func(winipcfg.MibNotificationType, *winipcfg.MibIPforwardRow2) { c.note() })
	if err != nil {
		return nil, fmt.Errorf("watch routes: %w", err)
	}
	c.callbacks = append(c.callbacks, routes)
	interfaces, err := winipcfg.RegisterInterfaceChangeCallback(func(winipcfg.MibNotificationType, *winipcfg.MibIPInterfaceRow) { c.note() })
	if err != nil {
		c.stop()
		return nil, fmt.Errorf("watch interfaces: %w", err)
	}
	c.callbacks = append(c.callbacks, interfaces)
	return c, nil
}

func (c *changes) note() {
	select {
	case c.some <- struct{}{}:
	default:
	}
}

func (c *changes) tell(changed func()) {
	c.done.Add(1)
	go func() {
		defer c.done.Done()
		for {
			select {
			case <-c.some:
				changed()
			case <-c.quit:
				return
			}
		}
	}()
}

// stop stops the watch. The function is not called after it returns.
func (c *changes) stop() {
	for _, one := range c.callbacks {
		one.Unregister() // cannot fail for a registered callback
	}
	close(c.quit)
	c.done.Wait()
}

// appearTimeout limits the wait for IP on a new interface, which takes seconds just after the computer has started.
const appearTimeout = 20 * time.Second

// waitForIP waits until Windows has enabled IPv4 on the new interface.
func waitForIP(ctx context.Context, luid winipcfg.LUID) error {
	c, err := watchChanges()
	if err != nil {
		return err
	}
	defer c.stop()
	ctx, cancel := context.WithTimeout(ctx, appearTimeout)
	defer cancel()
	for {
		_, err := luid.IPInterface(windows.AF_INET)
		if err == nil {
			return nil
		}
		select {
		case <-c.some:
		case <-ctx.Done():
			return fmt.Errorf("IPv4 of interface %s: %w (%v)", AdapterName, err, ctx.Err())
		}
	}
}
