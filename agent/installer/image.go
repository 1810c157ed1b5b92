package installer

import (
	"fmt"
	"io"
	"io/fs"
	"time"
)

// Image is one installer: the template with a few ranges of bytes laid over it. It shares the template's memory, is
// never changed and may be read by many at once.
type Image struct {
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
func (i *Image) Size() int64 { return int64(len(i.template)) }

// ETag is a strong entity tag with its quotation marks; template, address and pin determine it.
func (i *Image) ETag() string { return i.etag }

// ModTime is the zero time, so that http.ServeContent answers conditions by the ETag alone: the same installer may have
// been made for another address a moment ago, which no date tells.
func (i *Image) ModTime() time.Time { return time.Time{} }

// NewReader starts a reader of its own at the first byte.
func (i *Image) NewReader() io.ReadSeeker { return io.NewSectionReader(i, 0, i.Size()) }

// ReadAt implements io.ReaderAt.
func (i *Image) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read an installer at %d: %w", off, fs.ErrInvalid)
	}
	if off >= i.Size() {
		return 0, io.EOF
	}
	n := copy(p, i.template[off:])
	for _, patch := range i.patches {
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
