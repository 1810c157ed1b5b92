package firewall

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestPreviewIsWhatIsLoaded compares what nft makes of the preview with what this package gives to the kernel.
func TestPreviewIsWhatIsLoaded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plan.nft")
	if err := os.WriteFile(file, []byte(everything.Text()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("nft", "-f", file).CombinedOutput()
	if err != nil {
		t.Fatal(err, string(out))
	}
	want, _ := exec.Command("nft", "list", "ruleset").CombinedOutput()
	if err := remove(Table); err != nil {
		t.Fatal(err)
	}
	c, err := transaction()
	if err != nil {
		t.Fatal(err)
	}
	if err := everything.load(c, Table); err != nil {
		t.Fatal(err)
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	got, _ := exec.Command("nft", "list", "ruleset").CombinedOutput()
	os.WriteFile("/tmp/fwtest/want", want, 0o600)
	os.WriteFile("/tmp/fwtest/got", got, 0o600)
	os.WriteFile("/tmp/fwtest/preview", []byte(everything.Preview()), 0o600)
}
