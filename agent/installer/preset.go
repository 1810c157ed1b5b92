package installer

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"ideco-agent/agent"
)

// codeSpace is the name space of the version 5 UUIDs of presets.
var codeSpace = uuid.MustParse("5d1f0c5e-8a34-5b0e-9c61-d0b5a1c7e906")

// Preset returns the template with a gateway's address and pin. The host is a DNS name or an IP address that agent.IsHost
// accepts, without a port. The pin is the SHA-256 of the root's SubjectPublicKeyInfo in base64; if it is empty, the installer has
// no row PresetPin. The same template, host and pin give the same bytes.
func (t *Template) Preset(host, pin string) (*MSI, error) {
	if !agent.IsHost(host) {
		return nil, fmt.Errorf("preset an installer: %.80q is neither a host name nor an IP address", host)
	}
	if pin != "" && !isPin(pin) {
		return nil, fmt.Errorf("preset an installer: %.80q is not a SHA-256 in base64", pin)
	}
	p := &preset{Template: t, rows: slices.Clone(t.rows), edit: poolEdit{t.pool, map[int]stringRecord{}}}
	p.set(host, propAddress, propAddressPreset)
	if pin != "" {
		p.set(pin, propPinPreset)
	} else {
		p.drop(propPinPreset)
	}
	p.set(t.makeCode("ProductCode", host, pin), propCode)
	p.set(strings.Repeat(".", len(t.value(propPad))-p.edit.growth()), propPad)

	p.patchStrings()
	p.patchProperties()
	p.patchStream(t.streams.summary, t.code, []byte(t.makeCode("PackageCode", host, pin)))
	return &MSI{template: t.source, patches: p.patches, etag: t.makeETag(host, pin)}, nil
}

// isPin reports whether s is base64 of 32 bytes. The decoder alone would accept line ends too.
func isPin(s string) bool {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == sha256.Size && len(s) == pinSize
}

// preset collects the changes for an MSI.
type preset struct {
	*Template
	rows    []propertyRow
	edit    poolEdit
	patches []patch
}

// set changes the text of rows that refer to one string. The pool has each text once: if another string has the new
// text, for instance the name of a file, the rows then refer to that string.
func (p *preset) set(text string, names ...string) {
	own := p.row(names[0]).value
	other, ok := p.pool.numbers[text]
	if !ok || other == own {
		p.edit.put(own, text)
		return
	}
	for _, name := range names {
		p.edit.use(own, -1)
		p.edit.use(other, 1)
		p.rows[p.find(name)].value = other
	}
}

func (p *preset) drop(name string) {
	r, i := p.row(name), p.find(name)
	p.edit.use(r.key, -1)
	p.edit.use(r.value, -1)
	p.rows = slices.Delete(p.rows, i, i+1)
}

// find returns the index of a row. drop changes it.
func (p *preset) find(name string) int {
	return slices.IndexFunc(p.rows, func(r propertyRow) bool { return r.key == p.row(name).key })
}

// patchStrings patches both streams of the pool. Their sizes stay.
func (p *preset) patchStrings() {
	p.patchStream(p.streams.pool, 0, p.edit.encodePool())
	at, texts := p.edit.encodeTexts()
	p.patchStream(p.streams.strings, at, texts)
}

// patchProperties patches the table. With fewer rows its stream is shorter: the size in its directory entry changes, and the
// chain of mini sectors may end earlier.
func (p *preset) patchProperties() {
	b := encodePropertyRows(p.pool, p.rows)
	s := p.streams.property
	p.patchStream(s, 0, b)
	if int64(len(b)) == s.size {
		return
	}
	p.patchWord(s.at+120, uint32(len(b)))
	keep := (len(b) + miniSectorSize - 1) / miniSectorSize
	if keep == len(s.sectors) {
		return
	}
	p.patchWord(p.file.miniFATPlace(s.sectors[keep-1]), endOfChain)
	for _, n := range s.sectors[keep:] {
		p.patchWord(p.file.miniFATPlace(n), freeSector)
	}
}

// patchStream patches a stream from offset off on.
func (p *preset) patchStream(s *stream, off int64, data []byte) {
	for _, e := range s.locate(off, int64(len(data))) {
		p.patches = append(p.patches, patch{e.at, data[:e.size]})
		data = data[e.size:]
	}
}

func (p *preset) patchWord(at int64, word uint32) {
	p.patches = append(p.patches, patch{at, binary.LittleEndian.AppendUint32(nil, word)})
}

// makeCode returns the ProductCode or PackageCode, named by role.
func (t *Template) makeCode(role, host, pin string) string {
	name := append(t.digest[:len(t.digest):len(t.digest)], role+"\x00"+host+"\x00"+pin...)
	return "{" + strings.ToUpper(uuid.NewSHA1(codeSpace, name).String()) + "}"
}

func (t *Template) makeETag(host, pin string) string {
	sum := sha256.Sum256(append(t.digest[:len(t.digest):len(t.digest)], host+"\x00"+pin...))
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}
