//go:build !windows

package locale

import "os"

// System is the language of the environment.
func System() Lang { return FromEnvironment(os.Getenv) }
