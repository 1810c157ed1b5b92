package installer

import (
	"fmt"
	"io"
	"io/fs"
	"time"
)

// MSI is one installer: the template with a few ranges of bytes laid over it. It shares the template's memory, is
// never changed and may be read by many at once.
type MSI struct {
	template []byte
	patches  []patch // no two overlap
	etag     string
}

// patch is a range of bytes that differs from the template.
type patch struct {
	at   int64
	data []byte
}

// Size is the length in bytes, the same for every preset of a template.
func (m *MSI) Size() int64 { return int64(len(m.template)) }

// ETag is a strong entity tag with its quotation marks; template, address and pin determine it.
func (m *MSI) ETag() string { return m.etag }

// ModTime is the zero time, so that http.ServeContent answers conditions by the ETag alone: the same installer may have
// been made for another address a moment ago, which no date tells.
func (m *MSI) ModTime() time.Time { return time.Time{} }

// NewReader starts a reader of its own at the first byte.
func (m *MSI) NewReader() io.ReadSeeker { return io.NewSectionReader(m, 0, m.Size()) }

// ReadAt implements io.ReaderAt.
func (m *MSI) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read an installer at %d: %w", off, fs.ErrInvalid)
	}
	if off >= m.Size() {
		return 0, io.EOF
	}
	n := copy(p, m.template[off:])
	for _, patch := range m.patches {
		lay(p[:n], off, patch)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// lay copies into p, which begins at off of the file, what the patch covers of it.
func lay(p []byte, off int64, patch patch) {
	from := patch.at - off
	switch {
	case from >= int64(len(p)), from+int64(len(patch.data)) <= 0:
	case from >= 0:
		copy(p[from:], patch.data)
	default:
		copy(p, patch.data[-from:])
	}
}
