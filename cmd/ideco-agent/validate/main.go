// Command validate checks an installer against the rules of Windows Installer (see installer.Validate):
//
//	validate FILE.msi
//
// It prints the faults on standard error, one per line, and then ends with exit code 1.
package main

import (
	"bytes"
	"fmt"
	"os"

	"ideco-agent/agent/installer"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: validate FILE.msi")
		os.Exit(2)
	}
	msi, err := os.ReadFile(os.Args[1])
	if err == nil {
		err = installer.Validate(bytes.NewReader(msi))
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "validate %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}
