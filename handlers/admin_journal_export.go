package handlers

import (
	"bufio"
	"encoding/csv"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/agent/accountcsv"
	"ideco-agent/agent/xlsx"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// table takes the rows of a file. A cell is a string, an int64, a uint64, a time.Time or nil.
type table interface {
	Row(cells ...any) error
	Close() error // completes the file
}

// adminJournalCSV exports the entries that the filter selects.
func (s *Site) adminJournalCSV(c echo.Context) error {
	l := who(c).L
	return s.exportJournal(c, "csv", func(w io.Writer) (table, error) {
		var titles []any
		for _, column := range journalColumns(l) {
			titles = append(titles, column.Title)
		}
		return newSheetCSV(w, l, titles...)
	})
}

// newSheetCSV begins a CSV file for spreadsheet programs, with the separator that they expect in the language.
func newSheetCSV(w io.Writer, l *locale.Localizer, titles ...any) (table, error) {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return nil, err
	}
	t := newLocalCSV(w, l)
	return t, t.Row(titles...)
}

// adminJournalXLSX exports the entries that the filter selects for Excel. It makes one workbook at a time, because each needs memory and room on
// the disk.
func (s *Site) adminJournalXLSX(c echo.Context) error {
	if !s.workbook.TryLock() {
		return tooManyDownloads(c)
	}
	defer s.workbook.Unlock()
	l := who(c).L
	var book *xlsx.Writer
	defer func() {
		if book != nil {
			book.Discard()
		}
	}()
	err := s.exportJournal(c, "xlsx", func(w io.Writer) (_ table, err error) {
		book, err = xlsx.NewWriter(w, s.Scratch, l.T("journal_sheet"), journalColumns(l))
		return book, err
	})
	if errors.Is(err, xlsx.ErrTooLong) {
		return refusal{http.StatusConflict, locale.WorkbookTooLong}
	}
	return err
}

func tooManyDownloads(c echo.Context) error {
	c.Response().Header().Set(echo.HeaderRetryAfter, "30")
	return refusal{http.StatusTooManyRequests, locale.TooManyDownload}
}

// exportJournal sends the entries that the filter of the request selects, as a file of this format.
func (s *Site) exportJournal(c echo.Context, format string, begin func(io.Writer) (table, error)) error {
	query, problems := journalQuery(readJournalFilter(c.QueryParam))
	if problems != nil {
		return problems
	}
	view := readTable(c, templates.JournalTable, c.QueryParam)
	query.Asc = view.Sort == string(agent.JournalStart) && !view.Down // EachEntry has no other orders
	l := who(c).L
	return s.sendTable(c, format, begin, func(t table) error {
		return s.Journal.EachEntry(c.Request().Context(), query, func(e agent.JournalEntry) error { return t.Row(journalCells(l, e)...) })
	})
}

// tableTypes are the content types of the formats.
var tableTypes = map[string]string{
	"csv":  "text/csv; charset=utf-8",
	"json": echo.MIMEApplicationJSON,
	"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

// sendTable streams a table. If it fails in the middle, it cuts the connection: a part would look like the whole file.
func (s *Site) sendTable(c echo.Context, format string, begin func(io.Writer) (table, error), fill func(table) error) error {
	return s.sendFile(c, "journal", format, agent.Act{Code: agent.ActJournalExported, Name: format}, []any{"format", format}, begin, fill)
}

// sendSheet streams a CSV file for spreadsheet programs, like sendFile. fill calls row for each row.
func (s *Site) sendSheet(c echo.Context, name string, export agent.Act, attrs []any, titles []any, fill func(row func(cells []any) error) error) error {
	begin := func(w io.Writer) (table, error) { return newSheetCSV(w, who(c).L, titles...) }
	return s.sendFile(c, name, "csv", export, attrs, begin, func(t table) error {
		return fill(func(cells []any) error {
			protectCells(cells)
			return t.Row(cells...)
		})
	})
}

// sendFile streams a table as a file with a name and a format, like sendTable. The export is an act; attrs are those of its log entry.
func (s *Site) sendFile(c echo.Context, name, format string, export agent.Act, attrs []any, begin func(io.Writer) (table, error), fill func(table) error) error {
	leave, ok := s.exports.enter(who(c).Peer)
	if !ok {
		return tooManyDownloads(c)
	}
	defer leave()
	s.act(c, export, attrs...)
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, tableTypes[format])
	if format != "json" {
		h.Set(echo.HeaderContentDisposition, `attachment; filename="`+name+`.`+format+`"`)
	}
	out := bufio.NewWriterSize(newSlowDownloadCutter(c), 64<<10)
	err := writeTable(out, begin, fill)
	if err == nil {
		err = out.Flush()
	}
	if err != nil && c.Response().Committed {
		s.answerFailed(c, err)
		panic(http.ErrAbortHandler)
	}
	if err != nil {
		h.Del(echo.HeaderContentDisposition)
	}
	return err
}

func writeTable(w io.Writer, begin func(io.Writer) (table, error), fill func(table) error) error {
	t, err := begin(w)
	if err != nil {
		return err
	}
	if err := fill(t); err != nil {
		return err
	}
	return t.Close()
}

// journalColumns are the columns of an exported journal.
func journalColumns(l *locale.Localizer) []xlsx.Column {
	return []xlsx.Column{
		{Title: l.T("journal_start"), Width: 18},
		{Title: l.T("journal_end"), Width: 18},
		{Title: l.T("journal_seconds"), Width: 14},
		{Title: l.T("column_login"), Width: 20},
		{Title: l.T("column_name"), Width: 28},
		{Title: l.T("column_group"), Width: 28},
		{Title: l.T("column_directory"), Width: 18},
		{Title: l.T("column_device"), Width: 18},
		{Title: l.T("column_mac"), Width: 18},
		{Title: l.T("journal_inner"), Width: 18},
		{Title: l.T("column_tunnel"), Width: 18},
		{Title: l.T("column_external"), Width: 18},
		{Title: l.T("column_way"), Width: 24},
		{Title: l.T("journal_event"), Width: 10},
		{Title: l.T("column_outcome"), Width: 32},
		{Title: l.T("journal_received"), Width: 16},
		{Title: l.T("journal_sent"), Width: 16},
	}
}

// journalCells returns the cells of an entry for journalColumns.
func journalCells(l *locale.Localizer, e agent.JournalEntry) []any {
	directory := e.Directory
	if directory == agent.LocalDirectory {
		directory = ""
	}
	way := ""
	if e.Way != "" {
		way = l.Way(e.Way)
	}
	cells := []any{e.Started.Local(), nil, nil, e.Login, e.Name, e.Group, directory, e.Device, e.MAC,
		addressText(e.Inner), addressText(e.Tunnel), addressText(e.Outer), way, l.T("journal_session"), l.T("journal_open"), e.Rx, e.Tx}
	const end, length, event, outcome, rx, tx = 1, 2, 13, 14, 15, 16
	switch {
	case e.Refusal != "":
		cells[event], cells[outcome], cells[rx], cells[tx] = l.T("journal_refused"), l.JournalRefusal(e.Refusal), nil, nil
	case !e.Ended.IsZero():
		cells[end], cells[length], cells[outcome] = e.Ended.Local(), int64(e.Ended.Sub(e.Started)/time.Second), l.JournalEnd(e.Reason)
	}
	protectCells(cells)
	return cells
}

// protectCells keeps spreadsheet programs from taking texts for formulas.
func protectCells(cells []any) {
	for i, cell := range cells {
		if text, is := cell.(string); is {
			cells[i] = accountcsv.Protect(text)
		}
	}
}

// csvTable writes CSV with CRLF, as spreadsheet programs expect.
type csvTable struct{ out *csv.Writer }

func newCSVTable(w io.Writer) csvTable {
	t := csvTable{csv.NewWriter(w)}
	t.out.UseCRLF = true
	return t
}

// newLocalCSV is newCSVTable with the separator that spreadsheet programs expect in a language.
func newLocalCSV(w io.Writer, l *locale.Localizer) csvTable {
	t := newCSVTable(w)
	if l.Lang() != "en" {
		t.out.Comma = ';'
	}
	return t
}

func (t csvTable) Row(cells ...any) error {
	texts := make([]string, len(cells))
	for i, cell := range cells {
		switch v := cell.(type) {
		case string:
			texts[i] = v
		case int64:
			texts[i] = strconv.FormatInt(v, 10)
		case uint64:
			texts[i] = strconv.FormatUint(v, 10)
		case time.Time:
			texts[i] = v.Format(time.DateTime)
		}
	}
	return t.out.Write(texts)
}

func (t csvTable) Close() error {
	t.out.Flush()
	return t.out.Error()
}

// addressText formats an address; "" for the zero Addr.
func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
