//go:build ad

package e2e

import (
	"testing"

	directorylab "ideco-agent/agent/directory/lab"
)

// runTests runs the tests in the lab of directories.
func runTests(m *testing.M) int { return directorylab.Main(m) }
