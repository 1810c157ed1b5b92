package installer

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// columnType is the type of a column in the table _Columns: a width in the low byte, and flags.
type columnType uint16

const (
	columnText     columnType = 0x0800
	columnNullable columnType = 0x1000
	columnKey      columnType = 0x2000
)

func (t columnType) isText() bool { return t&columnText != 0 && !t.isStream() }

// isStream reports whether the cells refer to streams: their type is 0x0900 apart from the flags columnNullable and columnKey.
func (t columnType) isStream() bool { return t&^(columnNullable|columnKey) == 0x0900 }

// width returns the low byte of the type: the maximum length of a text in characters (0 = any), or the size of an
// integer in bytes.
func (t columnType) width() int { return int(t & 0xFF) }

// cellSize returns the size of a cell in bytes. A cell has the number of a string, an integer, or a reference to a stream.
func (t columnType) cellSize(p *stringPool) (int, error) {
	switch {
	case t.isText():
		return p.width(), nil
	case t.isStream(), t.width() <= 2:
		return 2, nil
	case t.width() == 4:
		return 4, nil
	}
	return 0, fmt.Errorf("unknown column type %#x", uint16(t))
}

type column struct {
	name string
	kind columnType
}

// table is a table with its rows in the order of the file.
type table struct {
	name    string
	columns []column
	cells   []uint32 // row after row, as in the file: 0 = NULL, and the highest bit of an integer is inverted
}

func (t *table) rows() int { return len(t.cells) / len(t.columns) }

func (t *table) row(i int) []uint32 { return t.cells[i*len(t.columns) : (i+1)*len(t.columns)] }

// The columns of the two tables that describe all others: a list of the tables, and one of their columns.
var (
	tablesColumns  = []column{{"Name", 0x2D40}}
	columnsColumns = []column{{"Table", 0x2D40}, {"Number", 0x2502}, {"Name", 0x0D40}, {"Type", 0x0502}}
)

// readTables reads all tables of a database, also the two that describe the others.
func readTables(c *compound, p *stringPool) (map[string]*table, error) {
	tables := map[string]*table{}
	for _, t := range []*table{{name: "_Tables", columns: tablesColumns}, {name: "_Columns", columns: columnsColumns}} {
		if _, err := c.open("!" + t.name); err != nil {
			return nil, err
		}
		if err := t.read(c, p); err != nil {
			return nil, err
		}
		tables[t.name] = t
	}
	descriptions := tables["_Columns"]
	for i := range descriptions.rows() {
		row := descriptions.row(i)
		name := p.text(int(row[0]))
		if name == "_Tables" || name == "_Columns" {
			return nil, fmt.Errorf("table _Columns describes %s", name)
		}
		t := tables[name]
		if t == nil {
			t = &table{name: name}
			tables[name] = t
		}
		if int(row[1]^0x8000) != len(t.columns)+1 {
			return nil, errors.New("table _Columns is out of order")
		}
		t.columns = append(t.columns, column{p.text(int(row[2])), columnType(row[3] ^ 0x8000)})
	}
	for _, t := range tables {
		if t.cells != nil {
			continue
		}
		if err := t.read(c, p); err != nil {
			return nil, err
		}
	}
	return tables, nil
}

// read reads the table's stream, which has all cells of the first column, then all of the second, and so
// on. A table without rows has no stream.
func (t *table) read(c *compound, p *stringPool) error {
	if _, ok := c.streams["!"+t.name]; !ok {
		return nil
	}
	s, err := c.open("!" + t.name)
	if err != nil {
		return err
	}
	sizes, rowSize := make([]int, len(t.columns)), 0
	for i, column := range t.columns {
		if sizes[i], err = column.kind.cellSize(p); err != nil {
			return fmt.Errorf("table %s: %w", t.name, err)
		}
		rowSize += sizes[i]
	}
	b, err := c.read(s)
	if err != nil {
		return err
	}
	if len(b)%rowSize != 0 {
		return fmt.Errorf("table %s: %d bytes in rows of %d", t.name, len(b), rowSize)
	}
	rows := len(b) / rowSize
	t.cells = make([]uint32, rows*len(t.columns))
	for i, size := range sizes {
		for row := range rows {
			t.cells[row*len(sizes)+i] = cell(b[:size])
			b = b[size:]
		}
	}
	return nil
}

// cell reads a little-endian number of two, three or four bytes.
func cell(b []byte) uint32 {
	n := uint32(binary.LittleEndian.Uint16(b))
	for i := 2; i < len(b); i++ {
		n |= uint32(b[i]) << (8 * i)
	}
	return n
}

// fixUses sets the reference count of each string in the pool to the number of cells that refer to it. libmsi writes 1 for all
// strings; an editor or a transform on Windows would then remove a text that another row still uses.
func fixUses(tables map[string]*table, p *stringPool) error {
	uses := make([]int, len(p.records))
	for _, t := range tables {
		for i := range t.rows() {
			for column, number := range t.row(i) {
				if !t.columns[column].kind.isText() || number == 0 {
					continue
				}
				if p.text(int(number)) == "" {
					return fmt.Errorf("table %s: refers to string %d, which is missing", t.name, number)
				}
				uses[number]++
			}
		}
	}
	for i, n := range uses {
		if n > 0xFFFF-8 { // a preset may add a few uses
			return fmt.Errorf("string %d is used %d times", i, n)
		}
		if n > 0 {
			p.records[i].uses = uint16(n)
		}
	}
	return nil
}

// propertyRow is a row of the table Property; a string is given by its number in the pool.
type propertyRow struct{ key, value int }

func propertyRows(tables map[string]*table, p *stringPool) ([]propertyRow, error) {
	t := tables["Property"]
	if t == nil || len(t.columns) != 2 || !t.columns[0].kind.isText() || !t.columns[1].kind.isText() {
		return nil, errors.New("lacks the table Property")
	}
	rows := make([]propertyRow, t.rows())
	for i := range rows {
		cells := t.row(i)
		rows[i] = propertyRow{int(cells[0]), int(cells[1])}
		if p.text(rows[i].key) == "" || p.text(rows[i].value) == "" {
			return nil, fmt.Errorf("row %d of table Property refers to a missing string", i+1)
		}
	}
	return rows, nil
}

// encodePropertyRows encodes the stream of the table Property: all keys, then all values.
func encodePropertyRows(p *stringPool, rows []propertyRow) []byte {
	w := p.width()
	b := make([]byte, 2*w*len(rows))
	for i, r := range rows {
		p.putNumber(b[i*w:], r.key)
		p.putNumber(b[(len(rows)+i)*w:], r.value)
	}
	return b
}
