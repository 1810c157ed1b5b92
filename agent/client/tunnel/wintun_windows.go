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

// How package wintun looks for its library.
const (
	searchApplicationDir = 0x200 // LOAD_LIBRARY_SEARCH_APPLICATION_DIR
	wintunSearch         = searchApplicationDir | windows.LOAD_LIBRARY_SEARCH_SYSTEM32
)

// wintunModule is the process's, as modules are.
var wintunModule struct {
	sync.Mutex
	loaded bool
}

// loadWintun loads the driver's library from this program's own directory, when it is the known one. The file stays
// open, so that nobody can change, rename or replace it between the check and the loading, nor as long as the process
// runs.
//
// Package wintun later loads "wintun.dll" by its bare name from the program's directory or System32. Windows gives a
// name without a path the module of that name that the process has already, and the program's directory, where the
// search begins, has the same file. That this is so here is looked at, too.
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
	file, err := openUnchanging(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := loadChecked(path, file); err != nil {
		windows.CloseHandle(file)
		return err
	}
	wintunModule.loaded = true // and file is never closed
	return nil
}

// openUnchanging opens a file that nobody else may then write to, rename or delete.
func openUnchanging(path string) (windows.Handle, error) {
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
	module, err := windows.LoadLibraryEx(path, 0, windows.LOAD_LIBRARY_SEARCH_SYSTEM32) // where its own imports are looked for
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

// handleReader reads a file whose handle belongs to no os.File, which would close it one day.
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
