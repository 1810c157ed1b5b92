package tunnel

import (
	"fmt"

	"golang.org/x/sys/windows/registry"
)

// writeValues writes values into HKEY_LOCAL_MACHINE, and makes the keys that are missing.
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
