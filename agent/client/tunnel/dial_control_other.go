//go:build !windows

package tunnel

import "syscall"

// DialControl is the Control of the net.Dialer that connects to the gateway. On this system it does nothing: a route
// keeps the gateway outside the tunnel.
func (t *Tunnel) DialControl(string, string, syscall.RawConn) error { return nil }
