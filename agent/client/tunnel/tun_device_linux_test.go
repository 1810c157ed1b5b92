package tunnel

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
)

// TestCheckDevice: a missing TUN device and missing rights are different problems.
func TestCheckDevice(t *testing.T) {
	device := filepath.Join(t.TempDir(), "tun")
	if err := os.WriteFile(device, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := checkDevice(device); err != nil {
		t.Error(err)
	}
	for path, key := range map[string]string{device + "/no": locale.TunnelNoRights, device + "2": locale.TunnelNoDevice, t.TempDir(): locale.TunnelNoRights} {
		var problem *client.TunnelProblem
		if err := checkDevice(path); !errors.As(err, &problem) || problem.Key != key {
			t.Errorf("%s: %v, want %s", path, err, key)
		}
	}
}
