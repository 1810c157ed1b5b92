package wireguard

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCure: an error says what an operator can do about it.
func TestCure(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("making a TUN interface: %w: %w", errNoTUN, &fs.PathError{Op: "open", Path: "/dev/net/tun", Err: unix.ENOENT}), "modprobe tun"},
		{fmt.Errorf("making a TUN interface: %w", &fs.PathError{Op: "open", Path: "/dev/net/tun", Err: unix.EACCES}), "read and write /dev/net/tun"},
		{fmt.Errorf("making a TUN interface: %w", unix.EPERM), "CAP_NET_ADMIN"},
		{errNoKernel, "modes tun and auto"},
		{fmt.Errorf("listen: %w", unix.EADDRINUSE), "another port"},
	} {
		if got := addCure(c.err).Error(); !strings.HasPrefix(got, c.err.Error()+"; ") || !strings.Contains(got, c.want) {
			t.Errorf("%s, want %q", got, c.want)
		}
	}
}
