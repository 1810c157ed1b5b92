package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"ideco-agent/agent/atomicfile"
)

// TrustFile keeps what gateways have told by the message trust. Its methods are safe for concurrent use; a nil TrustFile keeps nothing.
type TrustFile struct {
	path string // empty = there is no file

	mu    sync.Mutex // guards cache and the file
	cache []record   // used instead of the file if path is empty or the file could not be written; otherwise nil
}

// record is what one gateway has told; the file is a JSON array of records.
type record struct {
	Gateway string `json:"gateway"` // from trustKey
	learned
}

// maxGateways limits the records. A new address or a new pin in the configuration makes another record.
const maxGateways = 8

// OpenTrust returns the TrustFile in a directory. With an empty dir it is kept in memory only.
func OpenTrust(dir string) *TrustFile {
	if dir == "" {
		return &TrustFile{}
	}
	return &TrustFile{path: filepath.Join(dir, "trust")}
}

// load returns what a gateway, identified by trustKey, has told. With an error it returns the zero value.
func (f *TrustFile) load(gateway string) (learned, error) {
	if f == nil {
		return learned{}, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	list, err := f.read()
	for _, one := range list {
		if one.Gateway == gateway {
			return one.learned, err
		}
	}
	return learned{}, err
}

// save replaces what a gateway, identified by trustKey, has told. After an error it is kept in memory.
func (f *TrustFile) save(gateway string, l learned) error {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	list := []record{{gateway, l}}
	old, _ := f.read() // an unreadable file is replaced
	for _, one := range old {
		if one.Gateway != gateway && len(list) < maxGateways {
			list = append(list, one)
		}
	}
	f.cache = list
	if f.path == "" {
		return nil
	}
	if err := writeRecords(f.path, list); err != nil {
		return fmt.Errorf("save the names and pins of the gateway: %w", err)
	}
	f.cache = nil
	return nil
}

func writeRecords(path string, list []record) error {
	b, err := json.MarshalIndent(list, "", "\t")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(path, b, 0o600)
}

// read returns the records, the last saved first. f.mu is held.
func (f *TrustFile) read() ([]record, error) {
	if f.cache != nil || f.path == "" {
		return f.cache, nil
	}
	b, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var list []record
	if err == nil {
		err = json.Unmarshal(b, &list)
	}
	if err != nil {
		return nil, fmt.Errorf("read the names and pins of the gateway in %s: %w", f.path, err)
	}
	return list, nil
}
