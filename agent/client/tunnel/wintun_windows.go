package tunnel

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/windows"
)

// The flags with which package wintun loads its library.
const (
	searchApplicationDir = 0x200 // LOAD_LIBRARY_SEARCH_APPLICATION_DIR
	wintunSearch         = searchApplicationDir | windows.LOAD_LIBRARY_SEARCH_SYSTEM32
)

// wintunModule records that the library is loaded, once for the process.
var wintunModule struct {
	sync.Mutex
	loaded bool
}

// loadWintun loads the driver's library from the program's own directory after checking it. The file stays open, so
// that it cannot be changed, renamed or replaced while the process runs.
//
// Package wintun later loads "wintun.dll" by name from the program's directory or System32. Windows then returns the
// module that is already loaded. loadChecked verifies that.
func loadWintun() error {
	wintunModule.Lock()
	defer wintunModule.Unlock()
	if wintunModule.loaded {
		return nil
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	path := filepath.Join(filepath.Dir(exe), wintunName)
	file, err := openLocked(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := loadChecked(path, file); err != nil {
		windows.CloseHandle(file)
		return err
	}
	wintunModule.loaded = true // file is never closed
	return nil
}

// openLocked opens a file so that it cannot be written, renamed or deleted.
func openLocked(path string) (windows.Handle, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, err
	}
	return windows.CreateFile(name, windows.GENERIC_READ, windows.FILE_SHARE_READ, nil, windows.OPEN_EXISTING,
		windows.FILE_ATTRIBUTE_NORMAL, 0)
}

func loadChecked(path string, file windows.Handle) error {
	if err := checkWintun(handleReader(file)); err != nil {
		return err
	}
	module, err := windows.LoadLibraryEx(path, 0, windows.LOAD_LIBRARY_SEARCH_SYSTEM32) // for its own imports
	if err != nil {
		return fmt.Errorf("load %s: %w", path, err)
	}
	byName, err := windows.LoadLibraryEx(wintunName, 0, wintunSearch)
	if err != nil {
		return fmt.Errorf("load %s by its name: %w", wintunName, err)
	}
	if byName != module {
		return fmt.Errorf("this process has another %s", wintunName)
	}
	return nil
}

// handleReader reads from a handle. An os.File would close the handle when it is garbage collected.
type handleReader windows.Handle

func (h handleReader) Read(p []byte) (int, error) {
	var n uint32
	err := windows.ReadFile(windows.Handle(h), p, &n, nil)
	switch {
	case err != nil && !errors.Is(err, windows.ERROR_HANDLE_EOF):
		return int(n), err
	case n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return int(n), nil
}
