package accountcsv

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"ideco-agent/agent"
	"ideco-agent/agent/spelling"
)

// Limits of a file.
const (
	MaxBytes     = 10 << 20
	MaxRows      = 20_000 // accounts
	MaxPasswords = 500    // rows with a password: each is hashed, which takes time on purpose
	MaxMistakes  = 1_000  // kept; the rest is counted
	maxLines     = 10 * MaxRows
	maxColumns   = 1000
	maxCells     = 50 * MaxRows // a cell takes many times the memory of its separator
)

// File is a table as read.
type File struct {
	Columns  []Column // in their order in the file, without unknown ones
	Unknown  []string // names of columns that are not read
	Rows     []Row
	Mistakes Mistakes
}

// Row is one account. A nil field changes nothing.
type Row struct {
	Line         int // of the file, from 1
	Login        string
	Password     string // empty = no change
	Name         *string
	Phone        *string
	Comment      *string
	Group        *string // path; empty = no group
	Enabled      *bool
	MustChange   *bool
	RemoteAccess *bool // nil with ByGroups = as the groups allow it
	ByGroups     bool
}

// Mistakes are the mistakes of a file, at most MaxMistakes of them.
type Mistakes struct {
	Listed []Mistake
	Total  int
}

func (m *Mistakes) add(one Mistake) {
	m.Total++
	if len(m.Listed) < MaxMistakes {
		m.Listed = append(m.Listed, one)
	}
}

// Mistake is what is wrong with one cell or row.
type Mistake struct {
	Line   int    // of the file, from 1
	Column Column // empty = the whole row
	Code   string // message ID in the catalogues
	Value  string // the wrong part; may be empty
}

// Codes of mistakes, besides those of agent.CheckLogin and agent.CheckPassword.
const (
	MistakeQuotes         = "import_quotes"          // a quotation mark is missing or too many
	MistakeCells          = "import_cells"           // more cells than columns
	MistakeCharacters     = "import_characters"      // characters that could not be decoded
	MistakeChoice         = "import_choice"          // neither yes nor no
	MistakeTwice          = "import_twice"           // the login is in an earlier line, which is Value
	MistakeColumnTwice    = "import_column_twice"    // a column is there twice
	MistakeSpace          = "import_password_space"  // a password begins or ends with a space
	MistakePasswords      = "import_passwords"       // more than MaxPasswords
	MistakeGroup          = "import_group"           // no such group
	MistakeDirectoryGroup = "import_directory_group" // the group has its members from a directory
	MistakeOwnAccount     = "import_own_account"     // would switch off the account of whoever loads the file
	MistakeAlike          = "import_alike"           // several accounts have the login in other characters
)

// MistakeCodes lists every code of a Mistake.
var MistakeCodes = []string{MistakeQuotes, MistakeCells, MistakeCharacters, MistakeChoice, MistakeTwice, MistakeColumnTwice, MistakeSpace,
	MistakePasswords, MistakeGroup, MistakeDirectoryGroup, MistakeOwnAccount, MistakeAlike,
	"field_required", "field_too_long", "field_login_separator", "field_login_characters", "field_password_short"}

// Parse reads a file. It returns a FileError if the file is not such a table at all. Everything else that is wrong is in
// File.Mistakes. Nothing of a file with a mistake may be used, except to look for more mistakes.
func Parse(r io.Reader) (File, error) {
	content, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return File{}, err
	}
	if len(content) > MaxBytes {
		return File{}, ErrTooLarge
	}
	text, err := decode(content)
	if err != nil {
		return File{}, err
	}
	if strings.Count(text, "\n") > maxLines {
		return File{}, ErrTooManyRows
	}
	return parseText(text)
}

func parseText(text string) (File, error) {
	for _, s := range separators {
		if strings.Count(text, string(s)) > maxCells {
			return File{}, ErrTooManyCells
		}
	}
	text, separator, skipped := readSeparator(text)
	if separator == 0 {
		separator = guessSeparator(text)
	}
	p := parser{text: text, line: skipped + 1, separator: separator, seen: map[string]int{}}
	p.read()
	return p.finish()
}

// readSeparator reads the line "sep=;", which Excel writes and reads. It returns the text after it, and the number of its lines.
func readSeparator(text string) (rest string, separator rune, lines int) {
	line, rest, _ := strings.Cut(text, "\n")
	value, is := strings.CutPrefix(strings.ToLower(strings.Trim(line, "\" \r")), "sep=")
	if line == "sep=\t" {
		return rest, '\t', 1
	}
	if r, size := utf8.DecodeRuneInString(value); is && size > 0 && strings.ContainsRune(separators, r) {
		return rest, r, 1
	}
	return text, 0, 0
}

// separators in the order in which they are tried.
const separators = ";,\t"

// guessSeparator returns the separator by which the first row has the most columns with known names.
func guessSeparator(text string) rune {
	best, most := rune(';'), -1
	for _, s := range separators {
		known := 0
		header, _ := newReader(text, s).Read()
		for _, cell := range header[:min(len(header), maxColumns)] {
			if _, ok := columnsByHeader[headerKey(unwrap(cell))]; ok {
				known++
			}
		}
		if known > most {
			best, most = s, known
		}
	}
	return best
}

func newReader(text string, separator rune) *csv.Reader {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord = separator, -1
	return r
}

// parser reads the rows of one text.
type parser struct {
	text      string // what is left to read
	line      int    // of the file, at which text begins
	separator rune

	file      File
	columns   []Column // by position; empty = not read
	width     int      // cells in the header
	header    bool     // the header has been read
	rows      int      // rows after the header, also wrong ones
	passwords int
	seen      map[string]int // line by key of the login
}

// read reads all rows. A row whose quotation marks are wrong may have taken the following lines with it, so reading goes on in the
// line after its first one.
func (p *parser) read() {
	for p.text != "" {
		r := newReader(p.text, p.separator)
		lines := p.readRows(r)
		if lines == 0 || !p.header {
			return
		}
		p.line += lines
		for ; lines > 0; lines-- {
			_, p.text, _ = strings.Cut(p.text, "\n")
		}
	}
}

// readRows reads rows until quotation marks are wrong. It returns the number of lines up to there, or 0 at the end of the text.
func (p *parser) readRows(r *csv.Reader) int {
	for {
		cells, err := r.Read()
		if wrong := (*csv.ParseError)(nil); errors.As(err, &wrong) {
			p.file.Mistakes.add(Mistake{Line: p.line + wrong.StartLine - 1, Code: MistakeQuotes})
			p.rows++
			return wrong.StartLine
		}
		if err != nil {
			return 0
		}
		line, _ := r.FieldPos(0)
		p.row(p.line+line-1, cells)
	}
}

func (p *parser) row(line int, cells []string) {
	if strings.TrimSpace(strings.Join(cells, "")) == "" {
		return
	}
	if !p.header {
		p.header = true
		p.readHeader(line, cells)
		return
	}
	p.rows++
	if p.rows > MaxRows {
		return
	}
	p.file.Rows = append(p.file.Rows, p.readRow(line, cells))
}

func (p *parser) readHeader(line int, cells []string) {
	has := map[Column]bool{}
	p.width = len(cells)
	for _, cell := range cells[:min(len(cells), maxColumns)] {
		name := unwrap(cell)
		column, known := columnsByHeader[headerKey(name)]
		switch {
		case known && has[column]:
			p.file.Mistakes.add(Mistake{Line: line, Column: column, Code: MistakeColumnTwice})
			column = ""
		case known:
			p.file.Columns = append(p.file.Columns, column)
		case strings.TrimSpace(name) != "":
			p.file.Unknown = append(p.file.Unknown, agent.Clean(name, agent.MaxName))
		}
		has[column] = true
		p.columns = append(p.columns, column)
	}
}

// readRow reads one account. It reports every mistake in it.
func (p *parser) readRow(line int, cells []string) Row {
	row := Row{Line: line}
	wrong := func(column Column, code, value string) {
		p.file.Mistakes.add(Mistake{Line: line, Column: column, Code: code, Value: agent.Clean(value, agent.MaxName)})
	}
	for i, cell := range cells {
		if i >= len(p.columns) {
			if strings.TrimSpace(cell) != "" {
				wrong("", MistakeCells, cell)
				break
			}
			continue
		}
		column := p.columns[i]
		if column == "" {
			continue
		}
		if strings.ContainsRune(cell, utf8.RuneError) {
			wrong(column, MistakeCharacters, choose(column == Password, "", cell))
			continue
		}
		if column == Password {
			p.readPassword(&row, unwrap(cell), wrong)
			continue
		}
		readCell(&row, column, plain(unwrap(cell)), wrong)
	}
	p.checkLogin(&row, wrong)
	return row
}

func (p *parser) checkLogin(row *Row, wrong func(Column, string, string)) {
	if !contains(p.columns, Login) {
		return
	}
	if problem := agent.CheckLogin(row.Login); problem.Code != "" {
		wrong(Login, problem.Code, row.Login)
		return
	}
	key := spelling.Login(row.Login)
	if earlier, ok := p.seen[key]; ok {
		wrong(Login, MistakeTwice, decimal(earlier))
		return
	}
	p.seen[key] = row.Line
}

// readPassword reads a password as it is written, so that an apostrophe at its beginning stays.
func (p *parser) readPassword(row *Row, cell string, wrong func(Column, string, string)) {
	if cell == "" {
		return
	}
	problem := agent.CheckPassword(cell)
	switch {
	case problem.Code != "":
		wrong(Password, problem.Code, "")
	case strings.TrimSpace(cell) != cell, strings.ContainsAny(cell, "\r\n"):
		wrong(Password, MistakeSpace, "")
	}
	if p.passwords++; p.passwords == MaxPasswords+1 {
		wrong(Password, MistakePasswords, "")
	}
	row.Password = cell
}

func readCell(row *Row, column Column, cell string, wrong func(Column, string, string)) {
	text := func(into **string, max int) {
		cell := agent.Clean(strings.Join(strings.Fields(cell), " "), len(cell))
		if utf8.RuneCountInString(cell) > max {
			wrong(column, "field_too_long", "")
		}
		*into = &cell
	}
	choice := func(into **bool) {
		if key := headerKey(cell); key != "" {
			if value, ok := choices[key]; ok {
				*into = &value
			} else {
				wrong(column, MistakeChoice, cell)
			}
		}
	}
	switch column {
	case Login:
		row.Login = strings.TrimSpace(cell)
	case Name:
		text(&row.Name, agent.MaxName)
	case Phone:
		text(&row.Phone, agent.MaxPhone)
	case Comment:
		text(&row.Comment, agent.MaxComment)
	case Group:
		text(&row.Group, agent.MaxGroupDepth*(agent.MaxGroupName+1))
	case Enabled:
		choice(&row.Enabled)
	case MustChange:
		choice(&row.MustChange)
	case RemoteAccess:
		if row.ByGroups = inherited[headerKey(cell)]; !row.ByGroups {
			choice(&row.RemoteAccess)
		}
	}
}

// finish returns the file, or why it is none.
func (p *parser) finish() (File, error) {
	switch {
	case p.width > maxColumns:
		return File{}, ErrTooManyCells
	case p.rows > MaxRows:
		return File{}, ErrTooManyRows
	case p.columns != nil && !contains(p.columns, Login):
		return File{Columns: p.file.Columns, Unknown: p.file.Unknown}, ErrNoLogin
	case p.rows == 0 && p.file.Mistakes.Total == 0:
		return File{}, ErrNoRows
	}
	return p.file, nil
}
