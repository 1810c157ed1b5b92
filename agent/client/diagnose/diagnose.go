// Package diagnose writes the file for support: a zip with information that helps to find out why there is no access.
// It runs as the person, so it reads only what the person may read. It contains no password, token or key.
package diagnose

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Part is one file in the zip.
type Part struct {
	Name string
	Read func(ctx context.Context) ([]byte, error)
}

// Limits of one part.
const (
	maxPart     = 8 << 20 // bytes; the end of a longer part is kept
	partTimeout = 20 * time.Second
)

// Save writes a zip of the parts into the first writable directory and returns its path.
func Save(ctx context.Context, dirs []string, now time.Time, parts []Part) (string, error) {
	var b bytes.Buffer
	if err := Write(ctx, &b, now, parts); err != nil {
		return "", err
	}
	name := "IdecoAgent-" + now.Format("20060102-150405") + ".zip"
	err := fmt.Errorf("there is no directory for %s", name)
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		path := filepath.Join(dir, name)
		if err = os.WriteFile(path, b.Bytes(), 0o600); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("file for support: %w", err)
}

// Write writes a zip of the parts. The error of a part is appended to its content.
func Write(ctx context.Context, w io.Writer, now time.Time, parts []Part) error {
	z := zip.NewWriter(w)
	for _, p := range parts {
		f, err := z.CreateHeader(&zip.FileHeader{Name: p.Name, Method: zip.Deflate, Modified: now})
		if err == nil {
			_, err = f.Write(p.content(ctx))
		}
		if err != nil {
			return fmt.Errorf("file for support: %s: %w", p.Name, err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("file for support: %w", err)
	}
	return nil
}

func (p Part) content(ctx context.Context) []byte {
	ctx, cancel := context.WithTimeout(ctx, partTimeout)
	defer cancel()
	b, err := p.Read(ctx)
	if err != nil {
		b = append(b, []byte("\r\n"+err.Error()+"\r\n")...)
	}
	if len(b) > maxPart {
		b = b[len(b)-maxPart:]
	}
	return b
}

// Text is a part with the given text.
func Text(name, text string) Part {
	return Part{name, func(context.Context) ([]byte, error) { return []byte(text), nil }}
}

// File is a part with a copy of a file.
func File(name, path string) Part {
	return Part{name, func(context.Context) ([]byte, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.Size() > maxPart {
			if _, err := f.Seek(-maxPart, io.SeekEnd); err != nil {
				return nil, err
			}
		}
		return io.ReadAll(io.LimitReader(f, maxPart))
	}}
}
