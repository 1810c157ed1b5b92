package client

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"ideco-agent/agent"
	"ideco-agent/agent/atomicfile"
)

const deviceIDBytes = 16

// StateDir returns the directory of the agent's own files, below the configuration directory of the current user.
func StateDir() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("the user's configuration directory: %w", err)
	}
	return filepath.Join(dir, "ideco-agent"), nil
}

// NewDevice describes this computer with a new random identifier.
func NewDevice() agent.Device {
	name, _ := os.Hostname() // the name may be empty
	return agent.Device{ID: newDeviceID(), Name: name, OS: runtime.GOOS}.Clean()
}

// ThisDevice describes this computer. Its identifier is random, made at the first run and kept in the file "device"
// of dir. With an error the device can still be used, but will have another identifier next time.
func ThisDevice(dir string) (agent.Device, error) {
	d := NewDevice()
	file := filepath.Join(dir, "device")
	id, err := readDeviceID(file)
	switch {
	case err == nil:
		d.ID = id
	case errors.Is(err, fs.ErrNotExist):
		err = writeDeviceID(file, d.ID)
	}
	return d, err
}

// readDeviceID reads the identifier. A file without a valid one, for instance after a power loss, counts as missing: the error
// is fs.ErrNotExist.
func readDeviceID(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("the device's identifier: %w", err)
	}
	id := strings.TrimSpace(string(b))
	if raw, err := hex.DecodeString(id); err != nil || len(raw) != deviceIDBytes {
		return "", fmt.Errorf("the device's identifier in %s: %w", file, fs.ErrNotExist)
	}
	return id, nil
}

func newDeviceID() string {
	b := make([]byte, deviceIDBytes)
	if _, err := rand.Read(b); err != nil {
		panic(fmt.Sprintf("random numbers: %v", err))
	}
	return hex.EncodeToString(b)
}

func writeDeviceID(file, id string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("directory for the device's identifier: %w", err)
	}
	if err := atomicfile.Write(file, []byte(id+"\n"), 0o600); err != nil {
		return fmt.Errorf("the device's identifier: %w", err)
	}
	return nil
}
