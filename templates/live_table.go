package templates

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"io"
	"strings"

	"github.com/a-h/templ"
)

// A live table is kept fresh by the script, which asks for the rows that changed. The server remembers nothing: the script sends the hash
// of every row that it has.

// liveText stands in the HTML of a row where the text of a live cell goes. No page shows this character.
const liveText = "\x00"

// liveRow is a row of a live table. Its live cells change often: what they say is no part of its HTML.
type liveRow struct {
	html  string   // of the cells, with liveText for each of texts
	texts []string // of the live cells
}

// seed makes hashes that nobody outside this process can predict.
var seed = maphash.MakeSeed()

// hash returns the first characters of a hash in base64.
func hash(text string, length int) string {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], maphash.String(seed, text))
	return base64.RawURLEncoding.EncodeToString(b[:])[:length]
}

// key is the hash of the cells, without the texts of the live ones. Two rows of a table have different keys, because links in them do.
func (r liveRow) key() string { return hash(r.html, 8) }

// version is the hash of the texts of the live cells.
func (r liveRow) version() string { return hash(strings.Join(r.texts, liveText), 4) }

// appendTo writes the HTML of the row. The script finds its key and its version in data-row.
func (r liveRow) appendTo(b *bytes.Buffer) {
	b.WriteString(`<tr role="row" data-row="` + r.key() + "." + r.version() + `">`)
	for i, part := range strings.Split(r.html, liveText) {
		if i > 0 && i <= len(r.texts) {
			b.WriteString(templ.EscapeString(r.texts[i-1]))
		}
		b.WriteString(part)
	}
	b.WriteString("</tr>")
}

// String returns what appendTo writes.
func (r liveRow) String() string {
	b := templ.GetBuffer()
	defer templ.ReleaseBuffer(b)
	r.appendTo(b)
	return b.String()
}

// liveRows renders rows.
func liveRows(rows []liveRow) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		b := templ.GetBuffer()
		defer templ.ReleaseBuffer(b)
		for _, r := range rows {
			r.appendTo(b)
		}
		_, err := w.Write(b.Bytes())
		return err
	})
}

// renderText returns the HTML of a component.
func renderText(component templ.Component) string {
	b := templ.GetBuffer()
	defer templ.ReleaseBuffer(b)
	_ = component.Render(context.Background(), b) // writing to a bytes.Buffer returns no errors
	return b.String()
}

// liveFrame is the text around a live table.
type liveFrame struct {
	Heading string `json:"heading"`
	Above   string `json:"above"` // HTML
	Found   string `json:"found"` // HTML: how many rows the filter selects
	Below   string `json:"below"` // HTML
	Empty   bool   `json:"empty"` // there is nothing to search in
}

func (f liveFrame) hash() string {
	return hash(fmt.Sprint(f), 8)
}

// LiveTable is a table as the server sees it now.
type LiveTable struct {
	View  TableView
	frame liveFrame
	rows  []liveRow
	lang  string
}

// layout is a hash of what the script cannot change: the language and the columns. If it differs, the page is loaded anew.
func (t LiveTable) layout() string {
	var b strings.Builder
	b.WriteString(t.lang)
	for _, c := range t.View.Columns {
		if t.View.Shows(c.Key) {
			b.WriteString(liveText + c.Key)
		}
	}
	return hash(b.String(), 8)
}

// LiveChanges is the answer to the script: what differs from what it has.
type LiveChanges struct {
	Reload bool       `json:"reload,omitempty"` // the page must be loaded anew
	Frame  *liveFrame `json:"frame,omitempty"`  // nil if it is the same
	Hash   string     `json:"hash,omitempty"`   // of Frame
	// Rows has one element for each row, in their order. A row that the script has is its number there, counted from 0. If its live cells
	// differ, it is a list instead: this number, the new version, and the texts of the live cells. A new row is a string with its HTML.
	Rows []any `json:"rows"`
}

// LiveHeader is the request header in which the script says what it has: the layout, the hash of the frame and the key and version of
// each row, separated by commas.
const LiveHeader = "Ideco-Table-Rows"

// Changes returns what differs from what the script has, given the value of its LiveHeader.
func (t LiveTable) Changes(has string) LiveChanges {
	fields := strings.Split(has, ",")
	if len(fields) < 2 || fields[0] != t.layout() {
		return LiveChanges{Reload: true}
	}
	changes := LiveChanges{Rows: []any{}}
	if now := t.frame.hash(); fields[1] != now {
		changes.Frame, changes.Hash = &t.frame, now
	}
	type place struct {
		number  int
		version string
	}
	known := map[string]place{}
	for i, row := range fields[2:] {
		key, version, _ := strings.Cut(row, ".")
		known[key] = place{i, version}
	}
	for _, row := range t.rows {
		old, is := known[row.key()]
		switch version := row.version(); {
		case !is:
			changes.Rows = append(changes.Rows, row.String())
		case old.version == version:
			changes.Rows = append(changes.Rows, old.number)
		default:
			cells := []any{old.number, version}
			for _, text := range row.texts {
				cells = append(cells, text)
			}
			changes.Rows = append(changes.Rows, cells)
		}
	}
	return changes
}

// rowID returns the HTML id of the link in the row of a session. After an act, such as ending a session, the browser returns to a row by it.
func rowID(id string) string { return "row-" + id }

// AtRow returns the URL that opens the page at the row of a session, or at its top if id is empty.
func (v TableView) AtRow(id string) string {
	if id == "" {
		return v.URL()
	}
	return v.URL() + "#" + rowID(id)
}
