package installer

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// The structures of a cabinet (MS-CAB, section 2), in little-endian order.
type (
	cabHeader struct {
		Signature                         [4]byte
		_, Size, _, FilesAt, _            uint32
		Minor, Major                      uint8
		Folders, Files, Flags, Set, Index uint16
	}
	cabFolder struct {
		DataAt         uint32
		Blocks, Method uint16
	}
	cabFile struct {
		Size, Offset                   uint32 // Offset counts unpacked bytes of the folder
		Folder, Date, Time, Attributes uint16
	}
	cabBlock struct {
		Checksum       uint32
		Packed, Length uint16
	}
)

// cabinet is a cabinet as wixl writes it: not a part of a set, and without reserved areas.
type cabinet struct {
	content *io.SectionReader
	folders []cabFolder
	files   []namedFile // in the order of the cabinet
}

type namedFile struct {
	cabFile
	name string
}

func parseCabinet(in *io.SectionReader) (*cabinet, error) {
	var header cabHeader
	if err := binary.Read(in, binary.LittleEndian, &header); err != nil {
		return nil, fmt.Errorf("not a cabinet: %w", err)
	}
	if string(header.Signature[:]) != "MSCF" || header.Major != 1 || header.Flags != 0 {
		return nil, fmt.Errorf("not a single cabinet: signature %q, version %d, flags %#x", header.Signature, header.Major, header.Flags)
	}
	if int64(header.Size) != in.Size() || int64(header.FilesAt) > in.Size() {
		return nil, fmt.Errorf("a cabinet of %d bytes in a stream of %d", header.Size, in.Size())
	}
	c := &cabinet{content: in, folders: make([]cabFolder, header.Folders)}
	if err := binary.Read(in, binary.LittleEndian, c.folders); err != nil {
		return nil, fmt.Errorf("the list of folders: %w", err)
	}
	list := bufio.NewReader(io.NewSectionReader(in, int64(header.FilesAt), in.Size()-int64(header.FilesAt)))
	for range header.Files {
		var f namedFile
		if err := binary.Read(list, binary.LittleEndian, &f.cabFile); err != nil {
			return nil, fmt.Errorf("the list of files: %w", err)
		}
		name, err := list.ReadString(0)
		if err != nil {
			return nil, fmt.Errorf("the list of files: %w", err)
		}
		f.name = name[:len(name)-1]
		c.files = append(c.files, f)
	}
	return c, nil
}

func (c *cabinet) sums() (map[string][sha256.Size]byte, error) {
	sums := map[string][sha256.Size]byte{}
	for i, folder := range c.folders {
		var files []namedFile
		for _, f := range c.files {
			if int(f.Folder) == i {
				files = append(files, f)
			}
		}
		if err := sumFolder(sums, folder, io.NewSectionReader(c.content, int64(folder.DataAt), c.content.Size()), files); err != nil {
			return nil, err
		}
	}
	return sums, nil
}

// sumFolder unpacks a folder, which has its files one after the other.
func sumFolder(sums map[string][sha256.Size]byte, folder cabFolder, data io.Reader, files []namedFile) error {
	const mszip = 1
	if folder.Method != mszip {
		return fmt.Errorf("packed by method %#x, want MSZIP", folder.Method)
	}
	slices.SortFunc(files, func(a, b namedFile) int { return cmp.Compare(a.Offset, b.Offset) })
	plain := &mszipReader{in: bufio.NewReader(data), blocks: int(folder.Blocks)}
	at := int64(0)
	for _, f := range files {
		if _, err := io.CopyN(io.Discard, plain, int64(f.Offset)-at); err != nil {
			return fmt.Errorf("unpack up to %s: %w", f.name, err)
		}
		sum := sha256.New()
		if _, err := io.CopyN(sum, plain, int64(f.Size)); err != nil {
			return fmt.Errorf("unpack %s: %w", f.name, err)
		}
		sums[f.name] = [sha256.Size]byte(sum.Sum(nil))
		at = int64(f.Offset) + int64(f.Size)
	}
	return nil
}

// mszipReader unpacks the blocks of a folder (MS-MCI). Each block is "CK" and a deflate stream that may refer to the 32 KB
// before it. Every block but the last unpacks to 32 KB, so the previous block is the whole dictionary.
type mszipReader struct {
	in      io.Reader
	blocks  int // left
	inflate io.ReadCloser
	block   []byte
	rest    []byte // of block, not read yet
}

func (r *mszipReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.blocks == 0 {
			return 0, io.EOF
		}
		if err := r.next(); err != nil {
			return 0, err
		}
		r.blocks--
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *mszipReader) next() error {
	var b cabBlock
	if err := binary.Read(r.in, binary.LittleEndian, &b); err != nil {
		return err
	}
	packed := make([]byte, b.Packed)
	if _, err := io.ReadFull(r.in, packed); err != nil {
		return err
	}
	if b.Checksum != 0 && b.Checksum != checksum(packed, b) {
		return errors.New("a block whose checksum is wrong")
	}
	deflated, ok := bytes.CutPrefix(packed, []byte("CK"))
	if !ok {
		return errors.New("a block that is not MSZIP")
	}
	if r.inflate == nil {
		r.inflate = flate.NewReader(bytes.NewReader(deflated))
	} else if err := r.inflate.(flate.Resetter).Reset(bytes.NewReader(deflated), r.block); err != nil {
		return err
	}
	block := make([]byte, b.Length)
	if _, err := io.ReadFull(r.inflate, block); err != nil {
		return err
	}
	r.block, r.rest = block, block
	return nil
}

// checksum returns the checksum of a block (MS-CAB 3.1): the XOR of its data and sizes as 32-bit words. If the data ends within a
// word, its last bytes come in reverse order.
func checksum(packed []byte, b cabBlock) uint32 {
	sum := uint32(b.Packed) | uint32(b.Length)<<16
	for ; len(packed) >= 4; packed = packed[4:] {
		sum ^= binary.LittleEndian.Uint32(packed)
	}
	for i, one := range packed {
		sum ^= uint32(one) << (8 * (len(packed) - 1 - i))
	}
	return sum
}
