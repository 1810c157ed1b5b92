package installer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
)

// A reader of compound files (MS-CFB, version 3), which contain the tables of an MSI. Unlike other readers it returns where in the
// file the bytes of a stream are.
const (
	sectorSize     = 512
	miniSectorSize = 64
	miniCutoff     = 4096 // shorter streams are in mini sectors
	dirEntrySize   = 128

	freeSector = 0xFFFFFFFF
	endOfChain = 0xFFFFFFFE
	maxSector  = 0xFFFFFFFA
)

var cfbMagic = []byte{0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1}

var errCycle = errors.New("a chain of sectors is a cycle")

type extent struct{ at, size int64 }

// File is a file in memory or embedded in the program: *bytes.Reader and *io.SectionReader have this form.
type File interface {
	io.ReaderAt
	Size() int64
}

type compound struct {
	file    File
	head    []byte // the first sector
	fat     []uint32
	mini    []uint32         // the FAT of the mini sectors
	miniFAT []int64          // offsets of the sectors of that FAT
	root    []int64          // offsets of the sectors with the mini sectors
	streams map[string]entry // by decoded name
	tree    []node           // all entries of the directory, by number
}

const (
	storage    = 1
	streamType = 2
	rootType   = 5
)

type entry struct {
	at    int64 // of the entry in the file
	start uint32
	size  int64
}

// stream is a stream with the offsets of its bytes in the file.
type stream struct {
	entry
	sectors []uint32 // mini sectors when the stream is shorter than miniCutoff
	extents []extent // one per sector, in order; their sizes add up to the size of the stream
}

func openCompound(file File) (*compound, error) {
	head := make([]byte, sectorSize)
	if _, err := file.ReadAt(head, 0); err != nil || string(head[:8]) != string(cfbMagic) {
		return nil, errors.New("not a compound file")
	}
	if v, shift := u16(head, 26), u16(head, 30); v != 3 || shift != 9 || u16(head, 32) != 6 || u32(head, 56) != miniCutoff {
		return nil, fmt.Errorf("compound file of version %d with sectors of 2^%d bytes, want version 3 and 2^9", v, shift)
	}
	c := &compound{file: file, head: head}
	if err := c.readFAT(); err != nil {
		return nil, fmt.Errorf("read the sector table: %w", err)
	}
	if err := c.readMiniFAT(); err != nil {
		return nil, fmt.Errorf("read the mini sector table: %w", err)
	}
	if err := c.readDirectory(); err != nil {
		return nil, fmt.Errorf("read the directory: %w", err)
	}
	return c, nil
}

// readFAT reads the sector table. The header lists its first 109 sectors, a chain of DIFAT sectors the others. Files of more than
// about 6.8 MB have such a chain.
func (c *compound) readFAT() error {
	places := words(c.head[76:])
	difat := u32(c.head, 68)
	for n := 0; difat <= maxSector; n++ {
		s, err := c.sector(difat)
		if err != nil {
			return err
		}
		if int64(n) > c.file.Size()/sectorSize {
			return errCycle
		}
		list := words(s)
		difat = list[len(list)-1]
		places = append(places, list[:len(list)-1]...)
	}
	for _, place := range places {
		if place == freeSector {
			continue
		}
		s, err := c.sector(place)
		if err != nil {
			return err
		}
		if int64(len(c.fat)) > c.file.Size()/sectorSize {
			break // the rest is for sectors beyond the end of the file
		}
		c.fat = append(c.fat, words(s)...)
	}
	return nil
}

func (c *compound) readMiniFAT() error {
	chain, err := chainOf(c.fat, u32(c.head, 60))
	if err != nil {
		return err
	}
	for _, n := range chain {
		s, err := c.sector(n)
		if err != nil {
			return err
		}
		c.mini = append(c.mini, words(s)...)
		c.miniFAT = append(c.miniFAT, sectorAt(n))
	}
	return nil
}

func (c *compound) readDirectory() error {
	chain, err := chainOf(c.fat, u32(c.head, 48))
	if err != nil {
		return err
	}
	c.streams = map[string]entry{}
	for _, n := range chain {
		s, err := c.sector(n)
		if err != nil {
			return err
		}
		for at := 0; at < sectorSize; at += dirEntrySize {
			e := s[at : at+dirEntrySize]
			if err := c.readEntry(e, sectorAt(n)+int64(at)); err != nil {
				return err
			}
			c.tree = append(c.tree, nodeOf(e))
		}
	}
	if c.root == nil {
		return errors.New("no root entry")
	}
	return nil
}

// readEntry parses a directory entry. checkTree checks the tree of names.
func (c *compound) readEntry(e []byte, at int64) error {
	start, size := u32(e, 116), int64(u32(e, 120)) // the upper half of the size is undefined in version 3
	switch e[66] {
	case rootType:
		if c.root != nil {
			return errors.New("two root entries")
		}
		chain, err := chainOf(c.fat, start)
		if err != nil {
			return err
		}
		c.root = make([]int64, len(chain))
		for i, n := range chain {
			c.root[i] = sectorAt(n)
		}
	case streamType:
		name := streamName(e)
		if _, ok := c.streams[name]; ok {
			return fmt.Errorf("two streams %q", name)
		}
		c.streams[name] = entry{at, start, size}
	case storage:
		return errors.New("has a storage; only streams are supported")
	}
	return nil
}

func (c *compound) open(name string) (*stream, error) {
	e, ok := c.streams[name]
	if !ok {
		return nil, fmt.Errorf("lacks the stream %q", name)
	}
	table, unit, place := c.fat, int64(sectorSize), c.sectorPlace
	if e.size < miniCutoff {
		table, unit, place = c.mini, miniSectorSize, c.miniPlace
	}
	s := &stream{entry: e}
	if e.size == 0 {
		return s, nil
	}
	var err error
	if s.sectors, err = chainOf(table, e.start); err != nil {
		return nil, fmt.Errorf("stream %s: %w", name, err)
	}
	left := e.size
	for _, n := range s.sectors {
		at, ok := place(n)
		size := min(unit, left)
		if !ok || at+size > c.file.Size() {
			return nil, fmt.Errorf("stream %s lies outside the file", name)
		}
		if size > 0 {
			s.extents = append(s.extents, extent{at, size})
		}
		left -= size
	}
	if left > 0 {
		return nil, fmt.Errorf("stream %s is cut off", name)
	}
	return s, nil
}

func (c *compound) read(s *stream) ([]byte, error) {
	out := make([]byte, s.size)
	_, err := io.ReadFull(c.content(s), out)
	return out, err
}

// content returns a reader of the stream, which is not copied.
func (c *compound) content(s *stream) *io.SectionReader {
	return io.NewSectionReader(extentReader{c.file, s.locate(0, s.size)}, 0, s.size)
}

// extentReader reads parts of a file as if they were one.
type extentReader struct {
	file    io.ReaderAt
	extents []extent
}

// ReadAt implements io.ReaderAt.
func (r extentReader) ReadAt(p []byte, off int64) (n int, err error) {
	for _, e := range r.extents {
		if off >= e.size {
			off -= e.size
			continue
		}
		want := p[n:min(int64(len(p)), int64(n)+e.size-off)]
		m, err := r.file.ReadAt(want, e.at+off)
		n, off = n+m, 0
		if m < len(want) {
			return n, err
		}
		if n == len(p) {
			return n, nil
		}
	}
	return n, io.EOF
}

// locate returns where length bytes from offset off of the stream are in the file, as few extents as possible.
func (s *stream) locate(off, length int64) []extent {
	var out []extent
	for _, e := range s.extents {
		if length == 0 {
			break
		}
		if off >= e.size {
			off -= e.size
			continue
		}
		at, size := e.at+off, min(e.size-off, length)
		if n := len(out); n > 0 && out[n-1].at+out[n-1].size == at {
			out[n-1].size += size
		} else {
			out = append(out, extent{at, size})
		}
		off, length = 0, length-size
	}
	return out
}

func (c *compound) sector(n uint32) ([]byte, error) {
	at := sectorAt(n)
	if n > maxSector || at+sectorSize > c.file.Size() {
		return nil, fmt.Errorf("sector %d lies outside the file", n)
	}
	b := make([]byte, sectorSize)
	_, err := io.ReadFull(io.NewSectionReader(c.file, at, sectorSize), b)
	return b, err
}

func (c *compound) sectorPlace(n uint32) (int64, bool) { return sectorAt(n), true }

func (c *compound) miniPlace(n uint32) (int64, bool) {
	const perSector = sectorSize / miniSectorSize
	if i := int64(n) / perSector; i < int64(len(c.root)) {
		return c.root[i] + int64(n)%perSector*miniSectorSize, true
	}
	return 0, false
}

// miniFATPlace returns the offset of sector n's word in the mini sector table.
func (c *compound) miniFATPlace(n uint32) int64 {
	const perSector = sectorSize / 4
	return c.miniFAT[n/perSector] + int64(n%perSector)*4
}

// chainOf follows a chain of sectors to its end.
func chainOf(table []uint32, first uint32) ([]uint32, error) {
	var chain []uint32
	for n := first; n != endOfChain; n = table[n] {
		if int64(n) >= int64(len(table)) {
			return nil, fmt.Errorf("sector %d is not in the table", n)
		}
		if len(chain) == len(table) {
			return nil, errCycle
		}
		chain = append(chain, n)
	}
	return chain, nil
}

// streamName decodes the name of a directory entry. An MSI packs two characters into one. The prefix U+4840 of tables becomes "!".
func streamName(e []byte) string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._"
	var name []uint16
	for i := range nameUnits(e) {
		switch u := u16(e, 2*i); {
		case u >= 0x3800 && u < 0x4800:
			name = append(name, uint16(alphabet[u&0x3F]), uint16(alphabet[(u-0x3800)>>6]))
		case u >= 0x4800 && u < 0x4840:
			name = append(name, uint16(alphabet[u-0x4800]))
		case u == 0x4840:
			name = append(name, '!')
		default:
			name = append(name, u)
		}
	}
	return string(utf16.Decode(name))
}

// nameUnits returns the length of an entry's name in UTF-16 units, without the zero at its end.
func nameUnits(e []byte) int {
	units := int(u16(e, 64))/2 - 1
	if units < 0 || units > 31 {
		return 0
	}
	return units
}

func sectorAt(n uint32) int64 { return (int64(n) + 1) * sectorSize }

func words(b []byte) []uint32 {
	out := make([]uint32, len(b)/4)
	for i := range out {
		out[i] = u32(b, 4*i)
	}
	return out
}

func u16(b []byte, at int) uint16 { return binary.LittleEndian.Uint16(b[at:]) }
func u32(b []byte, at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
