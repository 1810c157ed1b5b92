package installer

import (
	"errors"
	"fmt"
)

// column is the type of a table's column as the table _Columns has it.
type column uint16

// size in bytes of a cell: the number of a string, an integer, or a reference to a stream.
func (c column) size(p *stringPool) (int, error) {
	switch {
	case c.isText():
		return p.width(), nil
	case c&0x0800 != 0, c&0xFF <= 2:
		return 2, nil
	case c&0xFF == 4:
		return 4, nil
	}
	return 0, fmt.Errorf("a column of type %#x", uint16(c))
}

// isText tells texts from numbers and from references to streams, whose type is exactly 0x900 or, with NULL, 0x1900.
func (c column) isText() bool { return c&0x0800 != 0 && c&^0x1000 != 0x0900 }

// The two tables that describe all tables, themselves not included.
var (
	tablesColumns  = []column{0x2D40}
	columnsColumns = []column{0x2D40, 0x2502, 0x0D40, 0x0502}
)

// countUses counts how often the tables use each string and corrects the pool's own counts: libmsi writes 1 for all,
// and who edits or transforms such a database on Windows loses a text that another row still needs.
func countUses(c *compound, p *stringPool) error {
	schema, err := readSchema(c, p)
	if err != nil {
		return err
	}
	uses := make([]int, len(p.records))
	for name, columns := range schema {
		if err := countTable(c, p, name, columns, uses); err != nil {
			return fmt.Errorf("table %s: %w", name, err)
		}
	}
	for i, n := range uses {
		if n > 0xFFFF-8 {
			return fmt.Errorf("string %d is used %d times", i, n)
		}
		if n > 0 {
			p.records[i].uses = uint16(n)
		}
	}
	return nil
}

// readSchema reads the columns of every table.
func readSchema(c *compound, p *stringPool) (map[string][]column, error) {
	s, err := c.open("!_Columns")
	if err != nil {
		return nil, err
	}
	b, w := c.read(s), p.width()
	each := 2*w + 4
	n := len(b) / each
	if len(b)%each != 0 {
		return nil, fmt.Errorf("table _Columns of %d bytes", len(b))
	}
	schema := map[string][]column{"_Tables": tablesColumns, "_Columns": columnsColumns}
	for i := range n {
		table := p.text(p.getNumber(b[i*w:]))
		number := int(u16(b, n*w+2*i) ^ 0x8000)
		if number != len(schema[table])+1 {
			return nil, errors.New("table _Columns is out of order")
		}
		schema[table] = append(schema[table], column(u16(b, 2*n*w+2*n+2*i)^0x8000))
	}
	return schema, nil
}

// countTable adds a table's uses of strings. A table without rows has no stream.
func countTable(c *compound, p *stringPool, name string, columns []column, uses []int) error {
	if _, ok := c.streams["!"+name]; !ok {
		return nil
	}
	s, err := c.open("!" + name)
	if err != nil {
		return err
	}
	sizes, row := make([]int, len(columns)), 0
	for i, column := range columns {
		if sizes[i], err = column.size(p); err != nil {
			return err
		}
		row += sizes[i]
	}
	b := c.read(s)
	if len(b)%row != 0 {
		return fmt.Errorf("%d bytes in rows of %d", len(b), row)
	}
	rows := len(b) / row
	for i, column := range columns {
		cells := b[:rows*sizes[i]]
		b = b[len(cells):]
		for ; column.isText() && len(cells) > 0; cells = cells[sizes[i]:] {
			if err := p.count(p.getNumber(cells), uses); err != nil {
				return err
			}
		}
	}
	return nil
}

// row is a row of the table Property, in numbers of strings.
type row struct{ key, value int }

// parseRows reads the table Property: first all keys, then all values.
func parseRows(p *stringPool, b []byte) ([]row, error) {
	w := p.width()
	if len(b)%(2*w) != 0 {
		return nil, fmt.Errorf("table Property of %d bytes", len(b))
	}
	rows := make([]row, len(b)/(2*w))
	for i := range rows {
		r := row{p.getNumber(b[i*w:]), p.getNumber(b[(len(rows)+i)*w:])}
		if p.text(r.key) == "" || p.text(r.value) == "" {
			return nil, fmt.Errorf("row %d of table Property names a string that is not there", i+1)
		}
		rows[i] = r
	}
	return rows, nil
}

func encodeRows(p *stringPool, rows []row) []byte {
	w := p.width()
	b := make([]byte, 2*w*len(rows))
	for i, r := range rows {
		p.putNumber(b[i*w:], r.key)
		p.putNumber(b[(len(rows)+i)*w:], r.value)
	}
	return b
}
