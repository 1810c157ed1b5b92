package localcopy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// FromNetwork reports whether the path of a program is on a share: a UNC path or a network drive.
func FromNetwork(program string) bool {
	if onShare(program) {
		return true
	}
	r := driveRoot(program)
	if r == "" {
		return false
	}
	name, err := windows.UTF16PtrFromString(r)
	return err == nil && windows.GetDriveType(name) == windows.DRIVE_REMOTE
}

// Restart starts a copy of this program, below dir, with the same arguments. The caller then ends.
func Restart(dir, version string) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("copy of the program: %w", err)
	}
	copied, err := Copy(uncForm(program), filepath.Join(dir, "portable"), version)
	if err != nil {
		return err
	}
	cmd := exec.Command(copied, os.Args[1:]...)
	cmd.Dir = filepath.Dir(copied) // a directory of the share would stay in use
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("copy of the program: %w", err)
	}
	return cmd.Process.Release()
}
