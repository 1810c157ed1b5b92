//go:build !linux

package wgbind

import "golang.zx2c4.com/wireguard/conn"

// New returns wireguard-go's own sockets for this system.
func New() conn.Bind { return conn.NewDefaultBind() }
