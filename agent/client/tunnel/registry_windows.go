package tunnel

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

var procRegCreateKeyEx = windows.NewLazySystemDLL("advapi32.dll").NewProc("RegCreateKeyExW")

// writeValues writes values into HKEY_LOCAL_MACHINE and creates missing keys.
func writeValues(list []value) error {
	for _, v := range list {
		if err := v.write(); err != nil {
			return fmt.Errorf(`registry value %s\%s: %w`, v.Path, v.Name, err)
		}
	}
	return nil
}

func (v value) write() error {
	key, _, err := registry.CreateKey(registry.LOCAL_MACHINE, v.Path, registry.SET_VALUE)
	if err != nil {
		return err
	}
	defer key.Close()
	switch data := v.Data.(type) {
	case uint32:
		return key.SetDWordValue(v.Name, data)
	case string:
		return key.SetStringValue(v.Name, data)
	case []string:
		return key.SetStringsValue(v.Name, data)
	}
	return fmt.Errorf("no registry type for %T", v.Data)
}

// createVolatileKey creates an empty key that disappears when the computer restarts, in place of an existing one. The
// parent must exist: created here it would be volatile too, and other programs could create no permanent keys in it.
func createVolatileKey(parent, name string) error {
	parentKey, err := registry.OpenKey(registry.LOCAL_MACHINE, parent, registry.CREATE_SUB_KEY)
	if err != nil {
		return err
	}
	defer parentKey.Close()
	if err := registry.DeleteKey(parentKey, name); err != nil && !errors.Is(err, registry.ErrNotExist) {
		return err
	}
	name16, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return err
	}
	const optionVolatile = 1 // REG_OPTION_VOLATILE
	var key windows.Handle
	status, _, _ := procRegCreateKeyEx.Call(uintptr(parentKey), uintptr(unsafe.Pointer(name16)), 0, 0, optionVolatile,
		registry.SET_VALUE, 0, uintptr(unsafe.Pointer(&key)), 0)
	if status != 0 {
		return windows.Errno(status)
	}
	return windows.RegCloseKey(key)
}

// keyExists reports whether a key exists.
func keyExists(path string) bool {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, path, registry.QUERY_VALUE)
	if err != nil {
		return false
	}
	key.Close()
	return true
}

// isEmptyKey reports whether a key exists and is empty.
func isEmptyKey(path string) bool {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, path, registry.QUERY_VALUE)
	if err != nil {
		return false
	}
	defer key.Close()
	info, err := key.Stat()
	return err == nil && info.SubKeyCount == 0 && info.ValueCount == 0
}
