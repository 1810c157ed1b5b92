//go:build !linux && !windows

package tunnel

import "errors"

var errNoMTU = errors.New("this system does not report the MTU of a path")

func (pathSocket) mtu() (int, error)      { return 0, errNoMTU }
func (pathSocket) forbidFragments() error { return errNoMTU }
