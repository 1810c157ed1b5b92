package installer

import (
	"iter"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// database is an MSI as Windows Installer reads it.
type database struct {
	file   *compound
	pool   *stringPool
	tables map[string]*table
}

func openDatabase(f File) (*database, error) {
	file, err := openCompound(f)
	if err != nil {
		return nil, err
	}
	var streams [2][]byte
	for i, name := range []string{"!_StringPool", "!_StringData"} {
		s, err := file.open(name)
		if err != nil {
			return nil, err
		}
		if streams[i], err = file.read(s); err != nil {
			return nil, err
		}
	}
	pool, err := parsePool(streams[0], streams[1])
	if err != nil {
		return nil, err
	}
	tables, err := readTables(file, pool)
	if err != nil {
		return nil, err
	}
	if err := fixUses(tables, pool); err != nil {
		return nil, err
	}
	return &database{file, pool, tables}, nil
}

// codePages are the supported code pages. Windows Installer does not support UTF-8 (65001).
var codePages = map[uint16]*charmap.Charmap{1251: charmap.Windows1251, 1252: charmap.Windows1252}

func (db *database) codePage() uint16 { return u16(db.pool.head, 0) }

// text decodes a string of the pool. A byte that the code page has no character for becomes U+FFFD.
func (db *database) text(number uint32) string {
	raw := db.pool.text(int(number))
	page, ok := codePages[db.codePage()]
	if !ok {
		return raw
	}
	text, err := page.NewDecoder().String(raw)
	if err != nil {
		return raw
	}
	return text
}

type record struct {
	db    *database
	table *table
	cells []uint32
}

// records iterates over the rows of a table. A missing table has none.
func (db *database) records(name string) iter.Seq[record] {
	return func(yield func(record) bool) {
		t := db.tables[name]
		if t == nil {
			return
		}
		for i := range t.rows() {
			if !yield(record{db, t, t.row(i)}) {
				return
			}
		}
	}
}

func (t *table) column(name string) int {
	return slices.IndexFunc(t.columns, func(c column) bool { return c.name == name })
}

// text returns the text in a column, or "" for NULL.
func (r record) text(column string) string {
	if i := r.table.column(column); i >= 0 && r.table.columns[i].kind.isText() {
		return r.db.text(r.cells[i])
	}
	return ""
}

// number returns the integer in a column, or 0 for NULL.
func (r record) number(column string) int {
	i := r.table.column(column)
	if i < 0 || r.cells[i] == 0 {
		return 0
	}
	if r.table.columns[i].kind.width() == 4 {
		return int(int32(r.cells[i] ^ 0x80000000))
	}
	return int(int16(r.cells[i] ^ 0x8000))
}

func (r record) key() []uint32 {
	var key []uint32
	for i, c := range r.table.columns {
		if c.kind&columnKey != 0 {
			key = append(key, r.cells[i])
		}
	}
	return key
}

func (r record) keyTexts() []string {
	var key []string
	for _, c := range r.table.columns {
		switch {
		case c.kind&columnKey == 0:
		case c.kind.isText():
			key = append(key, r.text(c.name))
		default:
			key = append(key, strconv.Itoa(r.number(c.name)))
		}
	}
	return key
}

// String names the row by its table and primary key, as in "Control MaintenanceDialog/Repair".
func (r record) String() string { return r.table.name + " " + strings.Join(r.keyTexts(), "/") }

// has reports whether a table has a row whose primary key is this text.
func (db *database) has(table, key string) bool {
	for r := range db.records(table) {
		if k := r.keyTexts(); len(k) == 1 && k[0] == key {
			return true
		}
	}
	return false
}

func (db *database) property(name string) string {
	for r := range db.records("Property") {
		if r.text("Property") == name {
			return r.text("Value")
		}
	}
	return ""
}
