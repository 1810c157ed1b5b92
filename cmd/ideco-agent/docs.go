//go:build docs

package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"

	"ideco-agent/agent"
	"ideco-agent/agent/client/locale"
	"ideco-agent/cmd/docs"
)

// main writes the man pages and the completion below the directory that is the only argument (make docs).
func main() {
	if err := writeDocs(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

func writeDocs(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want the directory to write to")
	}
	built, err := docs.BuildTime()
	if err != nil {
		return err
	}
	return docs.Write(args[0], docs.Program{
		Name:    "ideco-agent",
		Section: 1,
		Root:    completion(),
		Pages:   map[string]docs.Page{"en": manPage(locale.English, englishTitles), "ru": manPage(locale.Russian, russianTitles)},
	}, agent.Version, built)
}

// The help of a command is its definition (TestHelpNamesFlags): what begins with two spaces and a flag is an entry of a list, and
// what follows deeper is its text.
var (
	entryLine = regexp.MustCompile(`^  (\S+(?: \S+)*)  +(\S.*)$`)
	moreLine  = regexp.MustCompile(`^ {4,}(\S.*)$`)
	codeLine  = regexp.MustCompile(`^  (ideco-agent.*)$`)
	flagName  = regexp.MustCompile(`^--([a-z-]+)(?: (\S+))?$`)
)

// blocks returns the paragraphs, lists and lines of code of a help text.
func blocks(help string) []docs.Block {
	var all []docs.Block
	open := false // the next line belongs to the last block
	for _, line := range strings.Split(strings.TrimSpace(help), "\n") {
		code, entry, more := codeLine.FindStringSubmatch(line), entryLine.FindStringSubmatch(line), moreLine.FindStringSubmatch(line)
		switch {
		case line == "":
			open = false
			continue
		case code != nil && open && all[len(all)-1].Code:
			all[len(all)-1].Text += "\n" + code[1]
		case code != nil:
			all = append(all, docs.Block{Text: code[1], Code: true})
		case more != nil && open:
			all[len(all)-1].Text += "\n" + more[1]
		case entry != nil:
			all = append(all, docs.Block{Term: entry[1], Text: entry[2]})
		case open && all[len(all)-1].Term == "" && !all[len(all)-1].Code:
			all[len(all)-1].Text += "\n" + line
		default:
			all = append(all, docs.Block{Text: line})
		}
		open = true
	}
	return all
}

type titles struct{ manual, name, synopsis, description, commands, seeAlso, short string }

var (
	englishTitles = titles{"Ideco agent", "NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "SEE ALSO", "open access through an Ideco gateway"}
	russianTitles = titles{"Ideco агент", "ИМЯ", "СИНТАКСИС", "ОПИСАНИЕ", "КОМАНДЫ", "СМОТРИТЕ ТАКЖЕ", "доступ через шлюз Ideco"}
)

func manPage(lang locale.Lang, t titles) docs.Page {
	help := func(key string) []docs.Block { return blocks(locale.Text(lang, key, "program", "ideco-agent")) }
	page := docs.Page{Manual: t.manual, Sections: []docs.Section{
		{Title: t.name, Blocks: []docs.Block{{Text: "ideco-agent - " + t.short}}},
		{Title: t.synopsis},
		{Title: t.description},
		{Title: t.commands},
	}}
	for _, block := range help(locale.Help) {
		at := 2
		if block.Code {
			at = 1
		}
		page.Sections[at].Blocks = append(page.Sections[at].Blocks, block)
	}
	for _, c := range commands {
		page.Sections = append(page.Sections, docs.Section{Title: c.name, Below: true, Blocks: help(c.help)})
	}
	return docs.Page{Manual: page.Manual, Sections: append(page.Sections, docs.Section{Title: t.seeAlso, Blocks: []docs.Block{{Text: "ideco-portal(8), kinit(1)"}}})}
}

// completion takes commands and flags from the English help, and the descriptions from both.
func completion() docs.Command {
	help := docs.Flag{Name: "help", Help: docs.Text{English: "show this help", Russian: "показать эту справку"}}
	root := docs.Command{Name: "ideco-agent", Flags: []docs.Flag{help}}
	for _, f := range flagsOf(locale.Help) {
		if f.Name == "lang" { // the others are for the window
			root.Flags = append(root.Flags, f)
		}
	}
	lines := map[string]docs.Text{}
	for _, pair := range pairs(locale.Help) {
		lines[pair[0].Term] = docs.Text{English: firstLine(pair[0].Text), Russian: firstLine(pair[1].Text)}
	}
	for _, c := range commands {
		root.Commands = append(root.Commands, docs.Command{Name: c.name, Help: lines[c.name], Flags: flagsOf(c.help)})
	}
	return root
}

// pairs returns the entries of a help text, each in English and Russian.
func pairs(key string) [][2]docs.Block {
	var both [2][]docs.Block
	for i, lang := range []locale.Lang{locale.English, locale.Russian} {
		for _, block := range blocks(locale.Text(lang, key, "program", "ideco-agent")) {
			if block.Term != "" {
				both[i] = append(both[i], block)
			}
		}
	}
	all := make([][2]docs.Block, len(both[0]))
	for i := range all {
		all[i] = [2]docs.Block{both[0][i], both[1][i]}
	}
	return all
}

// flagsOf returns the flags of a help text. A flag may have several entries, one for each value.
func flagsOf(key string) []docs.Flag {
	var flags []docs.Flag
	for _, pair := range pairs(key) {
		m := flagName.FindStringSubmatch(pair[0].Term)
		if m == nil {
			continue
		}
		name, value := m[1], m[2]
		flag := docs.Flag{Name: name, Value: value != "", Files: value == "FILE" || value == "DIR",
			Help: docs.Text{English: firstLine(pair[0].Text), Russian: firstLine(pair[1].Text)}}
		if value == strings.ToLower(value) && value != "" {
			flag.Values = strings.Split(value, "|")
		}
		if n := len(flags); n > 0 && flags[n-1].Name == name {
			flags[n-1].Values = append(flags[n-1].Values, flag.Values...)
			continue
		}
		flags = append(flags, flag)
	}
	return flags
}

// firstLine returns the text up to its first semicolon or full stop.
func firstLine(text string) string {
	text = strings.ReplaceAll(text, "\n", " ")
	for _, end := range []string{";", ". "} {
		text, _, _ = strings.Cut(text, end)
	}
	return text
}
