package xlsx

import (
	"bytes"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thedatashed/xlsxreader"
)

// TestReadBack: another library reads what was written.
func TestReadBack(t *testing.T) {
	var file bytes.Buffer
	w := NewWriter(&file, "Журнал <1>", []Column{{"Начало", 18}, {"Логин & имя", 20}, {"Байт", 12}})
	w.perSheet = 3
	at := time.Date(2026, 11, 23, 14, 5, 9, 0, time.FixedZone("", 5*3600))
	long := strings.Repeat("я", maxText+1)
	for _, row := range [][]any{
		{at, "=cmd|' /C calc'!A0", uint64(1<<63 + 1)},
		{nil, " <b>&\"\n\x00\x01_x0041_ ", int64(-1)},
		{time.Date(1900, 3, 1, 0, 0, 0, 0, time.UTC), long, uint64(0)},
	} {
		if err := w.Row(row...); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	book, err := xlsxreader.NewReader(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"Журнал <1>", "Журнал <1> (2)"}; !slices.Equal(book.Sheets, want) {
		t.Errorf("sheets %q, want %q", book.Sheets, want)
	}
	var got [][]string
	for _, sheet := range book.Sheets {
		for row := range book.ReadRows(sheet) {
			if row.Error != nil {
				t.Fatal(row.Error)
			}
			var cells []string
			for _, cell := range row.Cells {
				cells = append(cells, cell.Column+":"+string(cell.Type)+":"+cell.Value)
			}
			got = append(got, cells)
		}
	}
	head := []string{"A:string:Начало", "B:string:Логин & имя", "C:string:Байт"}
	want := [][]string{
		head,
		{"A:datetime:2026-11-23T14:05:09Z", "B:string:=cmd|' /C calc'!A0", "C:numerical:9223372036854775809"},
		{"B:string: <b>&\"\n\ufffd\ufffd_x005F_x0041_ ", "C:numerical:-1"}, // the library leaves _x005F_ as it is; Excel does not
		head,
		{"A:datetime:1900-03-01", "B:string:" + long[:2*maxText], "C:numerical:0"},
	}
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got  %.400q\nwant %.400q", got, want)
	}
}

func TestEmptyTable(t *testing.T) {
	var file bytes.Buffer
	if err := NewWriter(&file, "A", []Column{{"B", 9}}).Close(); err != nil {
		t.Fatal(err)
	}
	book, err := xlsxreader.NewReader(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for row := range book.ReadRows("A") {
		if rows++; row.Cells[0].Value != "B" {
			t.Errorf("%+v", row)
		}
	}
	if rows != 1 {
		t.Errorf("%d rows", rows)
	}
}

func TestWrongType(t *testing.T) {
	if err := NewWriter(io.Discard, "A", []Column{{"B", 9}}).Row(3.5); err == nil {
		t.Error("a float is taken")
	}
}

// TestMemory: a table of 200,000 rows needs no more memory than a small one.
func TestMemory(t *testing.T) {
	w := NewWriter(io.Discard, "A", []Column{{"B", 9}, {"C", 9}})
	live := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	write := func(rows int) {
		for range rows {
			if err := w.Row("some text in a cell", uint64(12345678)); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(1000)
	before := live()
	write(200_000)
	if after := live(); after > before+1<<20 {
		t.Errorf("%d bytes more", after-before)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkRow(b *testing.B) {
	columns := make([]Column, 16)
	w := NewWriter(io.Discard, "A", columns)
	cells := make([]any, 16)
	for i := range cells {
		cells[i] = "значение ячейки"
	}
	for b.Loop() {
		if err := w.Row(cells...); err != nil {
			b.Fatal(err)
		}
	}
}
