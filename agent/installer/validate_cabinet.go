package installer

import (
	"slices"
	"strings"
)

// checkCabinets reports cabinets that do not have the files of the table File in the order of their sequence numbers.
func (v *validation) checkCabinets() {
	var files []record
	for r := range v.records("File") {
		files = append(files, r)
	}
	slices.SortStableFunc(files, func(a, b record) int { return a.number("Sequence") - b.number("Sequence") })
	for i, r := range files {
		if i > 0 && r.number("Sequence") == files[i-1].number("Sequence") || r.number("Sequence") < 1 {
			v.fault("%s: invalid or repeated sequence number %d", r, r.number("Sequence"))
		}
	}
	last := 0
	for m := range v.records("Media") {
		upTo := m.number("LastSequence")
		if upTo < last {
			v.fault("%s: LastSequence %d is less than that of the disk before", m, upTo)
		}
		v.checkCabinet(m, slices.DeleteFunc(slices.Clone(files), func(r record) bool {
			return r.number("Sequence") <= last || r.number("Sequence") > upTo
		}))
		last = upTo
	}
	if len(files) > 0 && files[len(files)-1].number("Sequence") > last {
		v.fault("%s: no disk of the table Media has it", files[len(files)-1])
	}
}

// unpack reports cabinets whose files cannot be unpacked.
func (v *validation) unpack() {
	for m := range v.records("Media") {
		name, _ := strings.CutPrefix(m.text("Cabinet"), "#")
		s, err := v.file.open(name)
		if err != nil {
			continue // checkCabinet reports it
		}
		c, err := parseCabinet(v.file.content(s))
		if err == nil {
			_, err = c.sums()
		}
		if err != nil {
			v.fault("cabinet %s: %w", name, err)
		}
	}
}

// checkCabinet compares the cabinet of a row of the table Media with the files that it should have.
func (v *validation) checkCabinet(media record, want []record) {
	name, embedded := strings.CutPrefix(media.text("Cabinet"), "#")
	if !embedded {
		v.fault("%s: the cabinet %q is not inside the installer", media, name)
		return
	}
	s, err := v.file.open(name)
	if err != nil {
		v.fault("%s: %w", media, err)
		return
	}
	c, err := parseCabinet(v.file.content(s))
	if err != nil {
		v.fault("cabinet %s: %w", name, err)
		return
	}
	if len(c.files) != len(want) {
		v.fault("cabinet %s has %d files, the table File %d", name, len(c.files), len(want))
		return
	}
	for i, r := range want {
		if f := c.files[i]; f.name != r.text("File") || int(f.Size) != r.number("FileSize") {
			v.fault("cabinet %s: file %d is %s of %d bytes, want %s of %d", name, i+1, f.name, f.Size, r.text("File"), r.number("FileSize"))
		}
	}
}
