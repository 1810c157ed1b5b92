// Package xlsx writes a table as an Excel workbook of any length up to MaxRows. Rows wait in temporary files until the workbook is
// complete, so a long table needs little memory.
package xlsx

import (
	"archive/zip"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/xuri/excelize/v2"
)

const (
	maxSheets = 2 // the temporary file of a sheet of the journal has about 1 GB

	// MaxRows is how many rows a workbook has, without the heads of its sheets.
	MaxRows = maxSheets * (excelize.TotalRows - 1)
)

// ErrTooLong says that a table has more than MaxRows rows.
var ErrTooLong = errors.New("the table is too long for a workbook")

// Column is a column of the table.
type Column struct {
	Title string
	Width int // characters
}

// Writer writes a workbook. A table that is too long for a sheet goes on in the next one, under the same head.
type Writer struct {
	dir            string // of the temporary files
	name           string
	columns        []Column
	perSheet       int // rows of a sheet with its head; tests need fewer than Excel has
	book           *excelize.File
	bold, dateTime int // styles; dateTime is in the format of the reader's system
	sheet          *excelize.StreamWriter
	sheets, rows   int // rows of the last sheet
}

// NewWriter starts a workbook, which Close writes to w. Discard must be called afterwards, also after an error of Row or Close. name is the name of the sheet, at most 20
// characters, without any of []:*?/\. The temporary files are in dir, which is made if it is missing.
func NewWriter(w io.Writer, dir, name string, columns []Column) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(dir, "xlsx-")
	if err != nil {
		return nil, err
	}
	book := excelize.NewFile(excelize.Options{TmpDir: dir})
	book.SetZipWriter(func(io.Writer) excelize.ZipWriter { // the writer that is passed here keeps the whole workbook in memory
		z := zip.NewWriter(w)
		z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
		return z
	})
	t := &Writer{dir: dir, name: name, columns: columns, perSheet: excelize.TotalRows, book: book}
	if err = t.begin(); err != nil {
		t.Discard()
		return nil, err
	}
	return t, nil
}

func (t *Writer) begin() (err error) {
	if t.bold, err = t.book.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}}); err != nil {
		return err
	}
	if t.dateTime, err = t.book.NewStyle(&excelize.Style{NumFmt: 22}); err != nil {
		return err
	}
	if err = t.book.SetSheetName(t.book.GetSheetName(0), t.name); err != nil {
		return err
	}
	return t.nextSheet()
}

// Row adds a row. A cell is a string, an int64, a uint64, a time.Time (shown in its time zone) or nil. Strings are never formulas.
// They are cut to Excel's limit of 32,767 characters. Errors: ErrTooLong; of the temporary files.
func (t *Writer) Row(cells ...any) error {
	if t.rows == t.perSheet {
		if t.sheets == maxSheets {
			return ErrTooLong
		}
		if err := t.endSheet(); err != nil {
			return err
		}
		if err := t.nextSheet(); err != nil {
			return err
		}
	}
	values := make([]any, len(cells))
	for i, cell := range cells {
		switch v := cell.(type) {
		case string:
			if v != "" {
				values[i] = v
			}
		case time.Time:
			values[i] = excelize.Cell{StyleID: t.dateTime, Value: v}
		case nil, int64, uint64:
			values[i] = v
		default:
			return fmt.Errorf("xlsx: column %d has type %T", i+1, v)
		}
	}
	return t.add(values)
}

func (t *Writer) add(values []any) error {
	t.rows++
	return t.sheet.SetRow(fmt.Sprint("A", t.rows), values)
}

// nextSheet begins a sheet with the head.
func (t *Writer) nextSheet() (err error) {
	name := t.name
	if t.sheets++; t.sheets > 1 {
		name = fmt.Sprintf("%s (%d)", t.name, t.sheets)
		if _, err = t.book.NewSheet(name); err != nil {
			return err
		}
	}
	if t.sheet, err = t.book.NewStreamWriter(name); err != nil {
		return err
	}
	if err = t.sheet.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	titles := make([]any, len(t.columns))
	for i, c := range t.columns {
		titles[i] = excelize.Cell{StyleID: t.bold, Value: c.Title}
		if err = t.sheet.SetColWidth(i+1, i+1, float64(c.Width)); err != nil {
			return err
		}
	}
	t.rows = 0
	return t.add(titles)
}

func (t *Writer) endSheet() error {
	last, err := excelize.CoordinatesToCellName(len(t.columns), t.rows)
	if err != nil {
		return err
	}
	if err = t.book.AutoFilter(t.sheet.Sheet, "A1:"+last, nil); err != nil {
		return err
	}
	return t.sheet.Flush()
}

// Close writes the workbook. It does not close the underlying writer.
func (t *Writer) Close() error {
	if err := t.endSheet(); err != nil {
		return err
	}
	return t.book.Write(io.Discard) // the ZIP writer that NewWriter set writes to the right one
}

// Discard removes the temporary files.
func (t *Writer) Discard() {
	_ = t.book.Close()
	_ = os.RemoveAll(t.dir)
}
