package installer

import (
	"fmt"
	"io"
	"io/fs"
	"time"
)

// MSI is an installer with a preset: the template with a few byte ranges replaced. It never changes and may be read concurrently.
type MSI struct {
	template File
	patches  []patch // no two overlap
	etag     string
}

// patch is a range of bytes that differs from the template.
type patch struct {
	at   int64
	data []byte
}

// Size returns the length in bytes, which is the same for every preset of a template.
func (m *MSI) Size() int64 { return m.template.Size() }

// ETag returns a strong entity tag with quotation marks. It depends on template, address and pin.
func (m *MSI) ETag() string { return m.etag }

// ModTime returns the zero time, so that http.ServeContent decides by the ETag alone: a date does not tell presets apart.
func (m *MSI) ModTime() time.Time { return time.Time{} }

// NewReader returns a reader that begins at the first byte.
func (m *MSI) NewReader() io.ReadSeeker { return io.NewSectionReader(m, 0, m.Size()) }

// ReadAt implements io.ReaderAt.
func (m *MSI) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read an installer at %d: %w", off, fs.ErrInvalid)
	}
	if off >= m.Size() {
		return 0, io.EOF
	}
	n, err := m.template.ReadAt(p, off)
	for _, patch := range m.patches {
		apply(p[:n], off, patch)
	}
	return n, err
}

// apply copies the bytes of a patch into p, which has the bytes of the file from off on.
func apply(p []byte, off int64, patch patch) {
	from := patch.at - off
	switch {
	case from >= int64(len(p)), from+int64(len(patch.data)) <= 0:
	case from >= 0:
		copy(p[from:], patch.data)
	default:
		copy(p, patch.data[-from:])
	}
}
