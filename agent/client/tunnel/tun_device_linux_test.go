package tunnel

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
)

// TestCheckDevice: a missing TUN device is told apart from missing rights, because the person has to do something else.
func TestCheckDevice(t *testing.T) {
	there := filepath.Join(t.TempDir(), "tun")
	if err := os.WriteFile(there, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := checkDevice(there); err != nil {
		t.Error(err)
	}
	for path, key := range map[string]string{there + "/no": locale.TunnelNoRights, there + "2": locale.TunnelNoDevice, t.TempDir(): locale.TunnelNoRights} {
		var problem *client.TunnelProblem
		if err := checkDevice(path); !errors.As(err, &problem) || problem.Key != key {
			t.Errorf("%s: %v, want %s", path, err, key)
		}
	}
}
