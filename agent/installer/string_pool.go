package installer

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// stringPool has the strings of an MSI database. Tables refer to strings by number. The stream _StringPool has the length and the
// number of uses of each, in four bytes. _StringData has the texts one after the other.
type stringPool struct {
	records []stringRecord // by number; the first one is the code page
	head    []byte         // the record of the code page as it is
	wide    bool           // numbers in tables have three bytes instead of two
	numbers map[string]int
}

type stringRecord struct {
	text []byte // empty in a free record
	uses uint16
	at   int64 // of the text in _StringData
}

// parsePool reads both streams. A string of 64 KB or more takes two records and is an error: the template has none.
func parsePool(pool, data []byte) (*stringPool, error) {
	if len(pool) < 4 || len(pool)%4 != 0 {
		return nil, fmt.Errorf("_StringPool of %d bytes", len(pool))
	}
	p := &stringPool{head: pool[:4], wide: u16(pool, 2)&0x8000 != 0, numbers: map[string]int{}}
	p.records = make([]stringRecord, len(pool)/4)
	var at int64
	for i := 1; i < len(p.records); i++ {
		size, uses := int64(u16(pool, 4*i)), u16(pool, 4*i+2)
		switch {
		case size == 0 && uses == 0:
			continue
		case uses == 0:
			return nil, fmt.Errorf("string %d is not used", i)
		case size == 0:
			return nil, errors.New("a string of 64 KB or more")
		case at+size > int64(len(data)):
			return nil, errors.New("_StringData is shorter than _StringPool says")
		}
		text := data[at : at+size]
		if _, ok := p.numbers[string(text)]; ok {
			return nil, fmt.Errorf("the string %.40q is there twice", text)
		}
		p.records[i] = stringRecord{text, uses, at}
		p.numbers[string(text)] = i
		at += size
	}
	if at != int64(len(data)) {
		return nil, errors.New("_StringData is longer than _StringPool says")
	}
	return p, nil
}

// text returns a string by its number, or "".
func (p *stringPool) text(number int) string {
	if number >= len(p.records) {
		return ""
	}
	return string(p.records[number].text)
}

// width returns the size of a string's number in a table, in bytes.
func (p *stringPool) width() int {
	if p.wide {
		return 3
	}
	return 2
}

func (p *stringPool) putNumber(b []byte, n int) {
	binary.LittleEndian.PutUint16(b, uint16(n))
	if p.wide {
		b[2] = byte(n >> 16)
	}
}

// poolEdit collects changes of a pool without changing it.
type poolEdit struct {
	pool    *stringPool
	changed map[int]stringRecord
}

func (e *poolEdit) record(number int) stringRecord {
	if r, ok := e.changed[number]; ok {
		return r
	}
	return e.pool.records[number]
}

// use adds delta to the uses of a string. At 0 uses its record becomes empty.
func (e *poolEdit) use(number, delta int) {
	r := e.record(number)
	r.uses = uint16(int(r.uses) + delta)
	if r.uses == 0 {
		r.text = nil
	}
	e.changed[number] = r
}

// put replaces the text of a string. The new text must not be empty or that of another string.
func (e *poolEdit) put(number int, text string) {
	r := e.record(number)
	r.text = []byte(text)
	e.changed[number] = r
}

// growth returns by how many bytes the texts have become longer.
func (e *poolEdit) growth() int {
	n := 0
	for number, r := range e.changed {
		n += len(r.text) - len(e.pool.records[number].text)
	}
	return n
}

// span returns the range of numbers of changed strings, without to.
func (e *poolEdit) span() (from, to int) {
	from = len(e.pool.records)
	for number := range e.changed {
		from, to = min(from, number), max(to, number+1)
	}
	return from, to
}

func (e *poolEdit) encodePool() []byte {
	b := make([]byte, 0, 4*len(e.pool.records))
	b = append(b, e.pool.head...)
	for number := 1; number < len(e.pool.records); number++ {
		r := e.record(number)
		b = binary.LittleEndian.AppendUint16(b, uint16(len(r.text)))
		b = binary.LittleEndian.AppendUint16(b, r.uses)
	}
	return b
}

// encodeTexts returns the bytes of the span in _StringData and their offset. If growth is 0, there are as many as before.
func (e *poolEdit) encodeTexts() (at int64, b []byte) {
	from, to := e.span()
	for number := from; number < to; number++ {
		b = append(b, e.record(number).text...)
	}
	return e.pool.records[from].at, b
}
