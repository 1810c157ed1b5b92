package accountcsv

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// FileError says why a file is not a table that can be read. Its value is the message ID in the catalogues.
type FileError string

func (e FileError) Error() string { return string(e) }

// Errors of a whole file.
const (
	ErrTooLarge     FileError = "import_file_large"
	ErrEmpty        FileError = "import_file_empty"
	ErrSpreadsheet  FileError = "import_file_spreadsheet" // xls, xlsx, ods
	ErrArchive      FileError = "import_file_archive"
	ErrDocument     FileError = "import_file_document" // PDF, RTF, HTML, XML
	ErrBinary       FileError = "import_file_binary"
	ErrTooManyRows  FileError = "import_file_rows"
	ErrTooManyCells FileError = "import_file_cells"
	ErrNoLogin      FileError = "import_file_no_login" // no column of logins
	ErrNoRows       FileError = "import_file_no_rows"
)

// FileErrors lists every FileError.
var FileErrors = []FileError{ErrTooLarge, ErrEmpty, ErrSpreadsheet, ErrArchive, ErrDocument, ErrBinary, ErrTooManyRows, ErrTooManyCells, ErrNoLogin, ErrNoRows}

// decode returns the content of a file as UTF-8 with line ends \n. What cannot be decoded becomes U+FFFD.
func decode(content []byte) (string, error) {
	if err := recognise(content); err != nil {
		return "", err
	}
	var text string
	switch {
	case bytes.HasPrefix(content, []byte("\xff\xfe")), bytes.HasPrefix(content, []byte("\xfe\xff")):
		decoded, err := unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder().Bytes(content)
		if err != nil {
			return "", ErrBinary
		}
		text = string(decoded)
	case isUTF8(content):
		text = strings.ToValidUTF8(string(bytes.TrimPrefix(content, []byte("\ufeff"))), "\ufffd")
	default:
		decoded, err := charmap.Windows1251.NewDecoder().Bytes(content)
		if err != nil {
			return "", ErrBinary
		}
		text = string(decoded)
	}
	if strings.ContainsRune(text, 0) {
		return "", ErrBinary
	}
	if text = strings.ReplaceAll(text, "\r\n", "\n"); !strings.Contains(text, "\n") {
		text = strings.ReplaceAll(text, "\r", "\n") // old programs for the Mac
	}
	if strings.TrimSpace(text) == "" {
		return "", ErrEmpty
	}
	return text, nil
}

// isUTF8 reports whether a file without a UTF-16 mark is UTF-8. A file with more characters of several bytes than wrong bytes is UTF-8
// with damage: text in Windows-1251 has almost none that look like these.
func isUTF8(content []byte) bool {
	if bytes.HasPrefix(content, []byte("\ufeff")) {
		return true
	}
	long, wrong := 0, 0
	for len(content) > 0 {
		r, size := utf8.DecodeRune(content)
		switch {
		case r == utf8.RuneError && size == 1:
			wrong++
		case size > 1:
			long++
		}
		content = content[size:]
	}
	return wrong == 0 || long > wrong
}

// recognise reports files of other kinds by their first bytes.
func recognise(content []byte) error {
	head := bytes.ToLower(bytes.TrimLeft(content[:min(len(content), 256)], " \t\r\n\ufeff"))
	for _, known := range []struct {
		prefix string
		is     FileError
	}{
		{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ErrSpreadsheet}, // xls
		{"%pdf", ErrDocument}, {"{\\rtf", ErrDocument}, {"<html", ErrDocument}, {"<!doctype", ErrDocument}, {"<table", ErrDocument}, {"<?xml", ErrDocument},
		{"rar!", ErrArchive}, {"7z\xbc\xaf", ErrArchive}, {"\x1f\x8b", ErrArchive},
	} {
		if bytes.HasPrefix(head, []byte(known.prefix)) || bytes.HasPrefix(content, []byte(known.prefix)) {
			return known.is
		}
	}
	if bytes.HasPrefix(content, []byte("PK\x03\x04")) {
		start := content[:min(len(content), 4096)]
		for _, inside := range []string{"[Content_Types].xml", "xl/", "_rels/", "opendocument.spreadsheet"} {
			if bytes.Contains(start, []byte(inside)) {
				return ErrSpreadsheet
			}
		}
		return ErrArchive
	}
	return nil
}
