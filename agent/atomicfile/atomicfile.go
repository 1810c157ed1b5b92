// Package atomicfile replaces files so that a crash or a power cut leaves either the old file or the new one.
//
// The package is also built for Windows 8 with Go 1.20 and keeps to that language and library.
package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// Write creates or replaces the file at path. The file has exactly this mode, regardless of the umask and of the mode of an
// older file, and never a wider one. On Windows the directory determines the rights.
//
// The content is flushed to the disk before the file gets its name, and then the directory is flushed. If Write fails
// before that last step, the older file is unchanged and there is no temporary file. The error names path and not the random
// name of the temporary file, so that a repeated failure has the same text.
func Write(path string, content []byte, mode fs.FileMode) error {
	return WriteFrom(path, mode, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// WriteFrom is Write for content that fill writes. If fill fails, the older file is unchanged, and its error is returned as it is.
func WriteFrom(path string, mode fs.FileMode, fill func(io.Writer) error) error {
	dir, name := filepath.Split(path)
	f, err := os.CreateTemp(filepath.Clean(dir), "."+name+".*.tmp") // mode 0600
	if err == nil {
		err = errors.Join(fillFile(f, mode, fill), f.Close())
		if err == nil {
			err = os.Rename(f.Name(), path)
		}
		if err != nil {
			_ = os.Remove(f.Name())
		}
		if isForeign(err, f.Name()) {
			return err
		}
	}
	if err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: cause(err)}
	}
	if err := Flush(filepath.Clean(dir)); err != nil {
		return fmt.Errorf("flush the directory of %s: %w", path, err)
	}
	return nil
}

func fillFile(f *os.File, mode fs.FileMode, fill func(io.Writer) error) error {
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if err := fill(f); err != nil {
		return err
	}
	return f.Sync()
}

// isForeign reports whether an error is about something other than the temporary file, as that of reading the content may be.
func isForeign(err error, temporary string) bool {
	var path *fs.PathError
	var link *os.LinkError
	return err != nil && !errors.As(err, &link) && !(errors.As(err, &path) && path.Path == temporary)
}

// cause removes the random name of the temporary file from an error.
func cause(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}

// Flush makes the names in a directory durable. Windows cannot do that, nor can some file systems (EINVAL).
func Flush(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err = d.Sync(); errors.Is(err, syscall.EINVAL) {
		err = nil
	}
	return errors.Join(err, d.Close())
}

// Remove removes the file at path, if there is one, and flushes the directory.
func Remove(path string) error {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	dir, _ := filepath.Split(path)
	if err := Flush(filepath.Clean(dir)); err != nil {
		return fmt.Errorf("flush the directory of %s: %w", path, err)
	}
	return nil
}

// RemoveLeftovers removes the temporary files (.*.tmp) that a crash has left in a directory. No Write may run there.
func RemoveLeftovers(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("list half-written files: %w", err)
	}
	for _, e := range entries {
		if ours, _ := filepath.Match(".*.tmp", e.Name()); !ours {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("remove a half-written file: %w", err)
		}
	}
	return nil
}
