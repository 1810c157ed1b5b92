package installer

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// cabinetFile is a file's entry in a cabinet.
type cabinetFile struct {
	name   string
	size   int64
	folder uint16
	offset int64 // in the uncompressed bytes of its folder
}

// parseCabinet reads the list of files of a cabinet (MS-CAB).
func parseCabinet(b []byte) ([]cabinetFile, error) {
	const header, fileEntry = 36, 16
	if len(b) < header || string(b[:4]) != "MSCF" {
		return nil, errors.New("not a cabinet")
	}
	if size := int64(u32(b, 8)); size != int64(len(b)) {
		return nil, fmt.Errorf("a cabinet of %d bytes in a stream of %d", size, len(b))
	}
	at := int64(u32(b, 16))
	var files []cabinetFile
	for range u16(b, 28) {
		if at+fileEntry > int64(len(b)) {
			return nil, errors.New("the cabinet's list of files is cut off")
		}
		e := b[at:]
		name, _, ended := bytes.Cut(e[fileEntry:], []byte{0})
		if !ended {
			return nil, errors.New("the cabinet's list of files is cut off")
		}
		files = append(files, cabinetFile{string(name), int64(u32(e, 0)), u16(e, 8), int64(u32(e, 4))})
		at += fileEntry + int64(len(name)) + 1
	}
	return files, nil
}

// cabinet: it has the files of the table File, in their order, and the table Media knows the last one.
func (v *validation) cabinet() {
	var files []record
	for r := range v.records("File") {
		files = append(files, r)
	}
	slices.SortStableFunc(files, func(a, b record) int { return a.number("Sequence") - b.number("Sequence") })
	for i, r := range files {
		if i > 0 && r.number("Sequence") == files[i-1].number("Sequence") || r.number("Sequence") < 1 {
			v.fault("%s: the sequence number %d", r, r.number("Sequence"))
		}
	}
	last := 0
	for m := range v.records("Media") {
		upTo := m.number("LastSequence")
		if upTo < last {
			v.fault("%s: LastSequence %d is less than that of the disk before", m, upTo)
		}
		v.cabinetOf(m, slices.DeleteFunc(slices.Clone(files), func(r record) bool {
			return r.number("Sequence") <= last || r.number("Sequence") > upTo
		}))
		last = upTo
	}
	if len(files) > 0 && files[len(files)-1].number("Sequence") > last {
		v.fault("%s: no disk of the table Media has it", files[len(files)-1])
	}
}

// cabinetOf: the cabinet of a row of the table Media has these files.
func (v *validation) cabinetOf(media record, want []record) {
	name, embedded := strings.CutPrefix(media.text("Cabinet"), "#")
	if !embedded {
		v.fault("%s: the cabinet %q does not lie in the installer", media, name)
		return
	}
	s, err := v.file.open(name)
	if err != nil {
		v.fault("%s: %w", media, err)
		return
	}
	files, err := parseCabinet(v.file.read(s))
	if err != nil {
		v.fault("cabinet %s: %w", name, err)
		return
	}
	if len(files) != len(want) {
		v.fault("cabinet %s has %d files, the table File %d", name, len(files), len(want))
		return
	}
	for i, r := range want {
		if f := files[i]; f.name != r.text("File") || f.size != int64(r.number("FileSize")) {
			v.fault("cabinet %s: file %d is %s of %d bytes, want %s of %d", name, i+1, f.name, f.size, r.text("File"), r.number("FileSize"))
		}
	}
}
