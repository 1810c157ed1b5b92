package xlsx

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thedatashed/xlsxreader"
	"github.com/xuri/excelize/v2"
)

// begin starts a workbook whose temporary files are in dir.
func begin(tb testing.TB, w io.Writer, dir string, columns ...Column) *Writer {
	tb.Helper()
	t, err := NewWriter(w, dir, "Журнал <1>", columns)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(t.Discard)
	return t
}

func files(tb testing.TB, dir string) (names []string) {
	tb.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && path != dir {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return names
}

// TestReadBack: another library reads what was written.
func TestReadBack(t *testing.T) {
	var file bytes.Buffer
	w := begin(t, &file, t.TempDir(), Column{"Начало", 18}, Column{"Логин & имя", 20}, Column{"Байт", 12})
	w.perSheet = 3
	at := time.Date(2026, 11, 23, 14, 5, 9, 0, time.FixedZone("", 5*3600))
	long := strings.Repeat("я", excelize.TotalCellChars+1)
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
		{"A:datetime:1900-03-01", "B:string:" + long[:2*excelize.TotalCellChars], "C:numerical:0"},
	}
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got  %.400q\nwant %.400q", got, want)
	}
}

func TestEmptyTable(t *testing.T) {
	var file bytes.Buffer
	if err := begin(t, &file, t.TempDir(), Column{"B", 9}).Close(); err != nil {
		t.Fatal(err)
	}
	book, err := xlsxreader.NewReader(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for row := range book.ReadRows(book.Sheets[0]) {
		if rows++; row.Cells[0].Value != "B" {
			t.Errorf("%+v", row)
		}
	}
	if rows != 1 {
		t.Errorf("%d rows", rows)
	}
}

// TestHead: the head stays in sight and filters its columns.
func TestHead(t *testing.T) {
	var file bytes.Buffer
	w := begin(t, &file, t.TempDir(), Column{"B", 9}, Column{"C", 11})
	if err := errors.Join(w.Row("x", "y"), w.Close()); err != nil {
		t.Fatal(err)
	}
	book, err := excelize.OpenReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	panes, err := book.GetPanes("Журнал <1>")
	if err != nil || !panes.Freeze || panes.YSplit != 1 {
		t.Errorf("%+v, %v", panes, err)
	}
	if names := book.GetDefinedName(); len(names) != 1 || names[0].RefersTo != "'Журнал <1>'!$A$1:$B$2" {
		t.Errorf("filter: %+v", names)
	}
	if width, err := book.GetColWidth("Журнал <1>", "B"); width != 11 || err != nil {
		t.Errorf("width %v, %v", width, err)
	}
}

func TestWrongType(t *testing.T) {
	if err := begin(t, io.Discard, t.TempDir(), Column{"B", 9}).Row(3.5); err == nil {
		t.Error("a float is taken")
	}
}

func TestTooLong(t *testing.T) {
	w := begin(t, io.Discard, t.TempDir(), Column{"B", 9})
	w.perSheet = 3
	for range 2 * maxSheets {
		if err := w.Row("x"); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Row("x"); !errors.Is(err, ErrTooLong) {
		t.Errorf("%v", err)
	}
}

// TestNoRoom: without a place for temporary files no workbook begins, because its rows would wait in memory.
func TestNoRoom(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewWriter(io.Discard, file, "A", nil); err == nil {
		t.Error("it begins")
	}
}

// TestMemory: the rows of a long table are in a temporary file, which Discard removes. The workbook is not kept in memory.
func TestMemory(t *testing.T) {
	dir := t.TempDir()
	w := begin(t, io.Discard, dir, Column{"B", 9}, Column{"C", 9})
	live := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := live()
	for i := range 300_000 {
		if err := w.Row("some text in a cell", uint64(i)*0x9e3779b97f4a7c15); err != nil {
			t.Fatal(err)
		}
	}
	if len(files(t, dir)) != 2 { // a directory with a file
		t.Errorf("%q", files(t, dir))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if after := live(); after > before+3*excelize.StreamChunkSize {
		t.Errorf("%d bytes more", after-before)
	}
	w.Discard()
	if left := files(t, dir); len(left) > 0 {
		t.Errorf("%q", left)
	}
}

// BenchmarkRows writes tables as long as those of a journal, with its columns, and reports the most memory in use and the temporary files.
func BenchmarkRows(b *testing.B) {
	columns := make([]Column, 17)
	for i := range columns {
		columns[i] = Column{fmt.Sprint("Столбец ", i), 18}
	}
	for _, rows := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(rows), func(b *testing.B) {
			for b.Loop() {
				dir := b.TempDir()
				runtime.GC()
				w := begin(b, io.Discard, dir, columns...)
				most := uint64(0)
				at := time.Now()
				for i := range rows {
					text := fmt.Sprintf("значение %x", i*0x9e3779b9)
					err := w.Row(at.Add(time.Duration(i)*time.Second), at, int64(i), text, text, "Офис, VPN", "", "PC-7", "52:54:00:12:34:56", "10.0.0.1", "", "203.0.113.5",
						"Ideco агент, пароль", "Сессия", "Завершил администратор", uint64(i)<<20, uint64(i)<<10)
					if err != nil {
						b.Fatal(err)
					}
					if i%10_000 == 0 {
						var m runtime.MemStats
						runtime.ReadMemStats(&m)
						most = max(most, m.HeapSys-m.HeapReleased)
					}
				}
				size := int64(0)
				for _, name := range files(b, dir) {
					if info, err := os.Stat(name); err == nil && !info.IsDir() {
						size += info.Size()
					}
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				b.ReportMetric(float64(max(most, m.HeapSys-m.HeapReleased))/1e6, "MB-memory")
				b.ReportMetric(float64(size)/1e6, "MB-temporary")
				w.Discard()
			}
		})
	}
}
