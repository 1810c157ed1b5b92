package installer

import (
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

// Program is a file that the installer puts on a computer and that Windows or an antivirus may refuse to load.
type Program struct {
	Name    string // as installed
	Windows Windows
	SHA256  [sha256.Size]byte
}

// Windows says on which versions of Windows a program is installed.
type Windows string

const (
	AnyWindows Windows = ""
	Windows10  Windows = "10" // and newer
	Windows8   Windows = "8"  // and 8.1
)

const cabinetName = "agent.cab"

// Programs are the programs in the installer, which are the same in all presets of the template. They are unpacked and
// hashed at every call, which takes some tenths of a second.
func (t *Template) Programs() ([]Program, error) {
	s, err := t.file.open(cabinetName)
	if err != nil {
		return nil, fmt.Errorf("installer template: %w", err)
	}
	sums, err := cabinetSums(t.file.read(s))
	if err != nil {
		return nil, fmt.Errorf("installer template: read %s: %w", cabinetName, err)
	}
	var programs []Program
	for _, p := range []struct {
		key     string // names the file in the cabinet, see installer.wxs
		name    string
		windows Windows
	}{
		{"IdecoAgent.exe", "IdecoAgent.exe", Windows10},
		{"IdecoAgentWin8.exe", "IdecoAgent.exe", Windows8},
		{"wintun.dll", "wintun.dll", AnyWindows},
	} {
		sum, ok := sums[p.key]
		if ok {
			programs = append(programs, Program{p.name, p.windows, sum})
		} else if p.windows != AnyWindows {
			return nil, fmt.Errorf("installer template: %s lacks %s", cabinetName, p.key)
		}
	}
	return programs, nil
}

// The structures of a cabinet (MS-CAB, section 2), in little-endian order.
type (
	cabHeader struct {
		Signature                       [4]byte
		_, Size, _, FilesAt, _          uint32
		Minor, Major                    uint8
		Folders, Files, Flags, Set, Nth uint16
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

// cabinetSums unpacks a cabinet and gives the SHA-256 of each file in it. It takes what wixl writes: one cabinet, no
// reserved areas, MSZIP.
func cabinetSums(cabinet []byte) (map[string][sha256.Size]byte, error) {
	in := bytes.NewReader(cabinet)
	var header cabHeader
	if err := binary.Read(in, binary.LittleEndian, &header); err != nil {
		return nil, err
	}
	if string(header.Signature[:]) != "MSCF" || header.Major != 1 || header.Flags != 0 {
		return nil, fmt.Errorf("signature %q, version %d, flags %#x, want a single cabinet", header.Signature, header.Major, header.Flags)
	}
	folders := make([]cabFolder, header.Folders)
	if err := binary.Read(in, binary.LittleEndian, folders); err != nil {
		return nil, err
	}
	files, err := readFiles(cabinet, header)
	if err != nil {
		return nil, err
	}
	sums := map[string][sha256.Size]byte{}
	for i, folder := range folders {
		if int64(folder.DataAt) > int64(len(cabinet)) {
			return nil, io.ErrUnexpectedEOF
		}
		if err := sumFolder(sums, folder, cabinet[folder.DataAt:], files[uint16(i)]); err != nil {
			return nil, err
		}
	}
	return sums, nil
}

type namedFile struct {
	cabFile
	name string
}

// readFiles reads the list of files and sorts them by folder.
func readFiles(cabinet []byte, header cabHeader) (map[uint16][]namedFile, error) {
	if int64(header.FilesAt) > int64(len(cabinet)) {
		return nil, io.ErrUnexpectedEOF
	}
	in := bytes.NewBuffer(cabinet[header.FilesAt:])
	files := map[uint16][]namedFile{}
	for range header.Files {
		var f cabFile
		if err := binary.Read(in, binary.LittleEndian, &f); err != nil {
			return nil, err
		}
		name, err := in.ReadString(0)
		if err != nil {
			return nil, err
		}
		files[f.Folder] = append(files[f.Folder], namedFile{f, name[:len(name)-1]})
	}
	return files, nil
}

// sumFolder unpacks a folder, in which files lie one after the other.
func sumFolder(sums map[string][sha256.Size]byte, folder cabFolder, data []byte, files []namedFile) error {
	const mszip = 1
	if folder.Method != mszip {
		return fmt.Errorf("packed by method %#x, want MSZIP", folder.Method)
	}
	slices.SortFunc(files, func(a, b namedFile) int { return cmp.Compare(a.Offset, b.Offset) })
	plain := &mszipReader{in: bytes.NewReader(data), blocks: int(folder.Blocks)}
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

// mszipReader unpacks the blocks of a folder (MS-MCI). Each block is "CK" and a deflate stream of its own that may refer
// to the 32 KB before it, which is the block before, because only the last one is shorter.
type mszipReader struct {
	in      *bytes.Reader
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
