//go:build !windows

package locale

import "os"

// System returns the language of the environment.
func System() Lang { return FromEnvironment(os.Getenv) }
