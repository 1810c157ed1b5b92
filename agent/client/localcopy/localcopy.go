// Package localcopy copies a program that was started from a network share to the local disk. Windows reads pages of a
// running program from its file at any time, so the program would crash when the share becomes unavailable. The program
// copies itself into the person's own directory, verifies the copy, starts it with the same arguments and ends. When
// that fails, it continues from the share.
//
//	%LOCALAPPDATA%\Ideco\Agent\portable\<version>-<the first 16 digits of its SHA-256>\IdecoAgent.exe
package localcopy

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"ideco-agent/agent/atomicfile"
)

// Copy copies a program into a directory of its own below dir, unless the same copy exists, and returns its path. It
// removes copies of other versions that are not running.
func Copy(program, dir, version string) (string, error) {
	source, err := os.Open(program)
	if err != nil {
		return "", fmt.Errorf("copy of the program: %w", err)
	}
	defer source.Close()
	sum, err := digest(source)
	if err != nil {
		return "", fmt.Errorf("copy of the program: %w", err)
	}
	name := version + "-" + sum[:16]
	path := filepath.Join(dir, name, filepath.Base(program))
	if same(path, sum) {
		return path, nil
	}
	if err := copyTo(source, path); err != nil {
		return "", fmt.Errorf("copy of the program: %w", err)
	}
	if !same(path, sum) {
		return "", errors.New("copy of the program: it differs from the program")
	}
	removeOthers(dir, name)
	return path, nil
}

func digest(r io.ReadSeeker) (string, error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func same(path, sum string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	got, err := digest(f)
	return err == nil && got == sum
}

func copyTo(source io.ReadSeeker, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if _, err := source.Seek(0, io.SeekStart); err != nil {
		return err
	}
	content, err := io.ReadAll(source)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, content, 0o600)
}

// removeOthers removes other copies. Windows refuses to delete those that are running.
func removeOthers(dir, keep string) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range list {
		if e.IsDir() && e.Name() != keep {
			_ = os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
}

// onShare reports whether a path is a UNC path. A drive letter may be a share, too: see FromNetwork.
func onShare(path string) bool {
	path = uncForm(path)
	return strings.HasPrefix(path, `\\`) && !strings.HasPrefix(path, `\\?\`) && !strings.HasPrefix(path, `\\.\`)
}

// uncForm returns \\server\share for \\?\UNC\server\share, and for UNC\server\share, which Wine returns. It returns other
// paths with backslashes.
func uncForm(path string) string {
	path = strings.ReplaceAll(path, "/", `\`)
	for _, prefix := range []string{`\\?\UNC\`, `\\.\UNC\`, `UNC\`} {
		if len(path) > len(prefix) && strings.EqualFold(path[:len(prefix)], prefix) {
			return `\\` + path[len(prefix):]
		}
	}
	return path
}

// driveRoot returns the root of a path's drive, such as C:\; "" = the path has no drive letter.
func driveRoot(path string) string {
	path = strings.TrimPrefix(strings.TrimPrefix(path, `\\?\`), `\\.\`)
	if len(path) >= 3 && path[1] == ':' && (path[2] == '\\' || path[2] == '/') {
		return path[:2] + `\`
	}
	return ""
}
