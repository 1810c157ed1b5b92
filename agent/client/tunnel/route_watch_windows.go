package tunnel

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/windows"
	"golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"
)

// routeWatch calls a function, in its own goroutine, when the computer's routes or interfaces have changed.
type routeWatch struct {
	pending   chan struct{} // holds one: several changes count as one
	quit      chan struct{}
	done      sync.WaitGroup
	callbacks []winipcfg.ChangeCallback
}

// watchRoutes begins to record changes; start begins to report them.
func watchRoutes() (*routeWatch, error) {
	c := &routeWatch{pending: make(chan struct{}, 1), quit: make(chan struct{})}
	routes, err := winipcfg.RegisterRouteChangeCallback(func(winipcfg.MibNotificationType, *winipcfg.MibIPforwardRow2) { c.signal() })
	if err != nil {
		return nil, fmt.Errorf("watch routes: %w", err)
	}
	c.callbacks = append(c.callbacks, routes)
	interfaces, err := winipcfg.RegisterInterfaceChangeCallback(func(winipcfg.MibNotificationType, *winipcfg.MibIPInterfaceRow) { c.signal() })
	if err != nil {
		c.stop()
		return nil, fmt.Errorf("watch interfaces: %w", err)
	}
	c.callbacks = append(c.callbacks, interfaces)
	return c, nil
}

func (c *routeWatch) signal() {
	select {
	case c.pending <- struct{}{}:
	default:
	}
}

func (c *routeWatch) start(changed func()) {
	c.done.Add(1)
	go func() {
		defer c.done.Done()
		for {
			select {
			case <-c.pending:
				changed()
			case <-c.quit:
				return
			}
		}
	}()
}

// stop stops the watch. The function is not called after it returns.
func (c *routeWatch) stop() {
	for _, one := range c.callbacks {
		one.Unregister() // cannot fail for a registered callback
	}
	close(c.quit)
	c.done.Wait()
}

// ipTimeout limits the wait for IP on a new interface, which takes seconds just after the computer has started.
const ipTimeout = 20 * time.Second

// waitForIP waits until Windows has enabled IPv4 on the new interface.
func waitForIP(ctx context.Context, luid winipcfg.LUID) error {
	c, err := watchRoutes()
	if err != nil {
		return err
	}
	defer c.stop()
	ctx, cancel := context.WithTimeout(ctx, ipTimeout)
	defer cancel()
	for {
		_, err := luid.IPInterface(windows.AF_INET)
		if err == nil {
			return nil
		}
		select {
		case <-c.pending:
		case <-ctx.Done():
			return fmt.Errorf("IPv4 of interface %s: %w (%v)", AdapterName, err, ctx.Err())
		}
	}
}
