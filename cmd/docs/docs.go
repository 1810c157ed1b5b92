// Package docs writes the man pages of a program and its completion for bash, zsh and fish. The programs describe their
// command lines with the types of this package when they are built with the tag docs (see docs.go of each program); what
// ships does not link it.
//
// The libraries for this on top of kong (mango-kong, kong-completion, kongplete) were tried first: the pages that they write
// have English headings only, their completion starts the program at each Tab, and the agent program, which must build with
// Go 1.20, does not use kong.
package docs

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Program is a program with its manual.
type Program struct {
	Name    string
	Section int // of the manual: 1 for everybody's programs, 8 for those of administrators
	Root    Command
	Pages   map[string]Page // by language: "en" and "ru"
}

// Command is the program itself or one of its commands, for completion.
type Command struct {
	Name     string
	Help     Text // one line
	Commands []Command
	Flags    []Flag
	Files    bool // takes names of files as arguments
}

// Flag is a flag of a command, for completion. A flag of the program itself is taken by its commands too.
type Flag struct {
	Name   string // without the dashes
	Help   Text   // one line
	Value  bool   // takes a value
	Values []string
	Files  bool // the value is the name of a file or directory
}

// Text is a text in both languages.
type Text struct{ English, Russian string }

// Page is a man page in one language.
type Page struct {
	Manual   string // what the manual is called, in the page's header
	Sections []Section
}

// Section is a section of a page. Below is true for the part of the section above it.
type Section struct {
	Title  string
	Below  bool
	Blocks []Block
}

// Block is a paragraph. With a term it is an entry of a list. Code is printed as it is.
type Block struct {
	Term, Text string
	Code       bool
}

// Write writes the pages and the completion below a directory: man/manN/NAME.N.gz, man/ru/manN/NAME.N.gz,
// completion/{bash,zsh,fish}. The same program and time give the same bytes.
func Write(dir string, p Program, version string, built time.Time) error {
	files := map[string][]byte{
		"completion/bash/" + p.Name:           bash(p),
		"completion/zsh/_" + p.Name:           zsh(p),
		"completion/fish/" + p.Name + ".fish": fish(p),
	}
	for lang, page := range p.Pages {
		below := "man"
		if lang != "en" {
			below += "/" + lang
		}
		var packed bytes.Buffer
		w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
		if err != nil {
			return err
		}
		if _, err := w.Write(man(p, page, version, built)); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		files[fmt.Sprintf("%s/man%d/%s.%d.gz", below, p.Section, p.Name, p.Section)] = packed.Bytes()
	}
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// BuildTime returns the time that SOURCE_DATE_EPOCH tells, in UTC, so that a page does not depend on when it was made.
func BuildTime() (time.Time, error) {
	var seconds int64
	if _, err := fmt.Sscan(os.Getenv("SOURCE_DATE_EPOCH"), &seconds); err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH must be set to the time of the commit in seconds: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}
