// Package portable lets the program survive the share that it was started from. Windows reads pages of a running program
// from its file again and again; when the share goes away, the program dies. So a program that was started from the
// network copies itself to the person's own files, makes sure that the copy is the same, starts it with the same command
// line and ends. Where that is not possible it goes on from the share.
//
//	%LOCALAPPDATA%\Ideco\Agent\portable\<version>-<the first 16 digits of its SHA-256>\IdecoAgent.exe
//
// The package is also built for Windows 8 with Go 1.20 and keeps to that language and library.
package portable

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

// Copy copies a program into a directory of its own below dir, unless the same is there already, and gives its path.
// Other versions that nobody runs are removed.
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
	if err := write(source, path); err != nil {
		return "", fmt.Errorf("copy of the program: %w", err)
	}
	if !same(path, sum) {
		return "", errors.New("copy of the program: it is not the same")
	}
	sweep(dir, name)
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

func write(source io.ReadSeeker, path string) error {
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

// sweep removes other copies. Those that somebody runs stay, because Windows does not let go of them.
func sweep(dir, keep string) {
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

// onShare tells whether a path names a place in the network by itself; a drive letter may do so as well, which only
// Windows knows (see FromNetwork).
func onShare(path string) bool {
	path = plain(path)
	return strings.HasPrefix(path, `\\`) && !strings.HasPrefix(path, `\\?\`) && !strings.HasPrefix(path, `\\.\`)
}

// plain is a path as people write it: Windows also has \\?\UNC\server\share for \\server\share, and Wine leaves UNC\server\share
// of that.
func plain(path string) string {
	path = strings.ReplaceAll(path, "/", `\`)
	for _, prefix := range []string{`\\?\UNC\`, `\\.\UNC\`, `UNC\`} {
		if len(path) > len(prefix) && strings.EqualFold(path[:len(prefix)], prefix) {
			return `\\` + path[len(prefix):]
		}
	}
	return path
}

// root is the root of the drive that a path lies on, as Windows wants it; "" = it has none.
func root(path string) string {
	path = strings.TrimPrefix(strings.TrimPrefix(path, `\\?\`), `\\.\`)
	if len(path) >= 3 && path[1] == ':' && (path[2] == '\\' || path[2] == '/') {
		return path[:2] + `\`
	}
	return ""
}
