package tunnel

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/windows"
	"golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"
)

// changes calls a function when routes or interfaces of this computer have changed, in a goroutine of its own.
type changes struct {
	some      chan struct{} // one waits at most: several changes are one
	quit      chan struct{}
	done      sync.WaitGroup
	callbacks []winipcfg.ChangeCallback
}

// watchChanges notes changes from now on; tell begins to tell them.
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

// stop returns when the function is not called any more.
func (c *changes) stop() {
	for _, one := range c.callbacks {
		one.Unregister() // fails only for what is not registered
	}
	close(c.quit)
	c.done.Wait()
}

// appearTimeout is how long a new interface may be without IP. Just after the computer has started it takes seconds.
const appearTimeout = 20 * time.Second

// waitForIP waits until Windows has given the new interface an IPv4 of its own, which can then be configured.
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
