//go:build !windows

package pipe

import (
	"context"
	"errors"
	"net"
)

// Dial fails: there is no service on this system.
func Dial(context.Context) (net.Conn, error) { return nil, errors.New("the service is for Windows") }

// Installed is false on this system.
func Installed() bool { return false }
