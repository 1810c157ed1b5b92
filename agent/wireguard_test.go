package agent

import (
	"strings"
	"testing"
)

func TestParseKey(t *testing.T) {
	const text = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
	k, err := ParseKey(text)
	if err != nil || k.String() != text {
		t.Fatalf("ParseKey(%q) = %v, %v", text, k, err)
	}
	for _, bad := range []string{"", "xTIB", text[:43], text + "\n", text[:43] + "h", strings.Repeat("A", 43) + "=",
		strings.ReplaceAll(text, "r", "-"), "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dh="} {
		if k, err := ParseKey(bad); err == nil {
			t.Errorf("ParseKey(%q) = %v", bad, k)
		}
	}
}
