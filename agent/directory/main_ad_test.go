//go:build ad

package directory

import (
	"os"
	"testing"

	"ideco-agent/agent/directory/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }
