// Package xlsx writes a table as an Excel workbook (ECMA-376). Rows go straight to the writer: a table of any length needs little memory
// and no temporary file.
package xlsx

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Limits of Excel: rows of a sheet with its head, characters of a cell.
const (
	maxRows = 1 << 20
	maxText = 32767
)

// Column is a column of the table.
type Column struct {
	Title string
	Width int // characters
}

// Writer writes a workbook. A table that is too long for a sheet goes on in the next one, under the same head.
type Writer struct {
	zip      *zip.Writer
	name     string
	columns  []Column
	perSheet int // rows of a sheet with its head; tests need less than maxRows
	sheets   int
	sheet    io.Writer // the last one
	rows     int       // of the last sheet
	line     bytes.Buffer
}

// NewWriter starts a workbook. name is the name of the sheet, at most 20 characters, without any of []:*?/\.
func NewWriter(w io.Writer, name string, columns []Column) *Writer {
	book := &Writer{zip: zip.NewWriter(w), name: name, columns: columns, perSheet: maxRows}
	book.zip.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	return book
}

// Row writes a row. A cell is a string, an int64, a uint64, a time.Time (shown in its time zone) or nil. Strings are never formulas.
func (w *Writer) Row(cells ...any) error {
	if w.sheet == nil || w.rows == w.perSheet {
		if err := w.nextSheet(); err != nil {
			return err
		}
	}
	return w.row(plain, cells)
}

// Close completes the workbook. It does not close the underlying writer.
func (w *Writer) Close() error {
	if w.sheet == nil {
		if err := w.nextSheet(); err != nil {
			return err
		}
	}
	if err := w.endSheet(); err != nil {
		return err
	}
	var names, types, relations bytes.Buffer
	for n := 1; n <= w.sheets; n++ {
		names.WriteString(`<sheet name="`)
		writeEscaped(&names, w.sheetName(n))
		fmt.Fprintf(&names, `" sheetId="%d" r:id="rId%[1]d"/>`, n)
		fmt.Fprintf(&types, `<Override PartName="/xl/worksheets/sheet%d.xml" ContentType="%s.worksheet+xml"/>`, n, typePrefix)
		fmt.Fprintf(&relations, `<Relationship Id="rId%d" Type="%s/worksheet" Target="worksheets/sheet%[1]d.xml"/>`, n, relationPrefix)
	}
	for _, part := range []struct{ name, content string }{
		{"xl/workbook.xml", `<workbook xmlns="` + mainSpace + `" xmlns:r="` + relationPrefix + `"><sheets>` + names.String() + `</sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="` + packageSpace + `/relationships">` + relations.String() +
			`<Relationship Id="styles" Type="` + relationPrefix + `/styles" Target="styles.xml"/></Relationships>`},
		{"xl/styles.xml", styles},
		{"_rels/.rels", `<Relationships xmlns="` + packageSpace + `/relationships"><Relationship Id="book" Type="` + relationPrefix +
			`/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"[Content_Types].xml", `<Types xmlns="` + packageSpace + `/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
			`<Override PartName="/xl/workbook.xml" ContentType="` + typePrefix + `.sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="` + typePrefix + `.styles+xml"/>` +
			types.String() + `</Types>`},
	} {
		if _, err := w.create(part.name, part.content); err != nil {
			return err
		}
	}
	return w.zip.Close()
}

const (
	mainSpace      = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
	packageSpace   = "http://schemas.openxmlformats.org/package/2006"
	relationPrefix = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	typePrefix     = "application/vnd.openxmlformats-officedocument.spreadsheetml"
)

// Styles of cells: their numbers in styles.
const (
	plain  = "0"
	bold   = "1"
	moment = "2" // date and time in the format of the system
)

const styles = `<styleSheet xmlns="` + mainSpace + `">` +
	`<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts>` +
	`<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>` +
	`<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>` +
	`<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>` +
	`<cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>` +
	`<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>` +
	`<xf numFmtId="22" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs></styleSheet>`

func (w *Writer) create(name, content string) (io.Writer, error) {
	part, err := w.zip.Create(name)
	if err == nil {
		_, err = io.WriteString(part, xml.Header+content)
	}
	return part, err
}

// nextSheet ends the last sheet and begins another with the head.
func (w *Writer) nextSheet() (err error) {
	if err := w.endSheet(); err != nil {
		return err
	}
	w.sheets++
	var cols bytes.Buffer
	titles := make([]any, len(w.columns))
	for i, c := range w.columns {
		titles[i] = c.Title
		fmt.Fprintf(&cols, `<col min="%d" max="%[1]d" width="%[2]d" customWidth="1"/>`, i+1, c.Width)
	}
	w.sheet, err = w.create(fmt.Sprintf("xl/worksheets/sheet%d.xml", w.sheets), `<worksheet xmlns="`+mainSpace+`"><sheetViews><sheetView workbookViewId="0">`+
		`<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols>`+cols.String()+`</cols><sheetData>`)
	if err != nil {
		return err
	}
	w.rows = 0
	return w.row(bold, titles)
}

func (w *Writer) endSheet() error {
	if w.sheet == nil {
		return nil
	}
	_, err := fmt.Fprintf(w.sheet, `</sheetData><autoFilter ref="A1:%s"/></worksheet>`, cellName(len(w.columns)-1, w.rows))
	return err
}

// sheetName returns the name of a sheet, from 1.
func (w *Writer) sheetName(n int) string {
	if n == 1 {
		return w.name
	}
	return fmt.Sprintf("%s (%d)", w.name, n)
}

func (w *Writer) row(style string, cells []any) error {
	w.rows++
	b := &w.line
	b.Reset()
	fmt.Fprintf(b, `<row r="%d">`, w.rows)
	for i, value := range cells {
		style, number := style, ""
		switch v := value.(type) {
		case nil:
			continue
		case string:
			if v != "" {
				b.WriteString(`<c r="` + cellName(i, w.rows) + `" s="` + style + `" t="inlineStr"><is><t xml:space="preserve">`)
				writeEscaped(b, v)
				b.WriteString(`</t></is></c>`)
			}
			continue
		case int64:
			number = strconv.FormatInt(v, 10)
		case uint64:
			number = strconv.FormatUint(v, 10)
		case time.Time:
			style, number = moment, strconv.FormatFloat(days(v), 'f', -1, 64)
		default:
			return fmt.Errorf("xlsx: cell %s has type %T", cellName(i, w.rows), v)
		}
		b.WriteString(`<c r="` + cellName(i, w.rows) + `" s="` + style + `"><v>` + number + `</v></c>`)
	}
	b.WriteString("</row>")
	_, err := w.sheet.Write(b.Bytes())
	return err
}

// cellName names the cell of a column, from 0 to 25, in a row: "B7".
func cellName(column, row int) string { return string(rune('A'+column)) + strconv.Itoa(row) }

// days converts a time into Excel's number: days since 30 December 1899 on the wall clock.
func days(t time.Time) float64 {
	_, offset := t.Zone()
	const unixEpoch = 25569
	return unixEpoch + float64(t.Unix()+int64(offset))/86400
}

// hexadecimal is what Excel takes for an escaped character, such as "_x0041_" for "A".
var hexadecimal = regexp.MustCompile(`_x[0-9A-Fa-f]{4}_`)

// writeEscaped writes a text as XML. It cuts what is longer than a cell.
func writeEscaped(b *bytes.Buffer, text string) {
	if len(text) > maxText {
		if r := []rune(text); len(r) > maxText {
			text = string(r[:maxText])
		}
	}
	if strings.Contains(text, "_x") {
		text = hexadecimal.ReplaceAllString(text, "_x005F$0")
	}
	_ = xml.EscapeText(b, []byte(text)) // a Buffer never fails
}
