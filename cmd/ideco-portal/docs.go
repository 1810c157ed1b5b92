//go:build docs

package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"ideco-agent/cmd/docs"
	"ideco-agent/web"
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
	en, ru := newParser(&commands{}, "en").Model, newParser(&commands{}, "ru").Model
	return docs.Write(args[0], docs.Program{
		Name:    en.Name,
		Section: 8,
		Root:    completionOf(en.Node, ru.Node),
		Pages:   map[string]docs.Page{"en": manPage(en, englishPage), "ru": manPage(ru, russianPage)},
	}, web.Version(), built)
}

// completionOf describes a command for completion. Both nodes are the same command, in each language.
func completionOf(en, ru *kong.Node) docs.Command {
	c := docs.Command{Name: en.Name, Help: firstSentences(en.Help, ru.Help)}
	for i, f := range en.Flags {
		if f.Hidden {
			continue
		}
		flag := docs.Flag{Name: f.Name, Help: firstSentences(f.Help, ru.Flags[i].Help), Value: !f.IsBool() && !f.IsCounter(), Files: isFile(f.Value)}
		for _, value := range strings.Split(f.Enum, ",") {
			if value != "" {
				flag.Values = append(flag.Values, value)
			}
		}
		c.Flags = append(c.Flags, flag)
	}
	for _, arg := range en.Positional {
		c.Files = c.Files || isFile(arg)
	}
	for i, child := range en.Children {
		if !child.Hidden {
			c.Commands = append(c.Commands, completionOf(child, ru.Children[i]))
		}
	}
	return c
}

// isFile reports whether a value is the name of a file or directory.
func isFile(v *kong.Value) bool {
	switch v.Tag.Type {
	case "path", "existingfile", "existingdir", "file", "filecontent":
		return true
	}
	return strings.HasPrefix(v.Tag.PlaceHolder, "FILE") || strings.HasPrefix(v.Tag.PlaceHolder, "DIR")
}

func firstSentences(english, russian string) docs.Text {
	return docs.Text{English: firstSentence(english), Russian: firstSentence(russian)}
}

func firstSentence(text string) string {
	sentence, _, _ := strings.Cut(text, ". ")
	return strings.TrimSuffix(sentence, ".")
}

// pageTexts are the texts of the man page that the command line does not have.
type pageTexts struct {
	lang                                                          language
	manual, name, synopsis, description, options, command, exit   string
	short, subcommand, flags, defaultIs, variable, files, seeAlso string
	exitCodes, fileList                                           []docs.Block
}

var englishPage = pageTexts{
	lang: "en", manual: "Ideco agent", name: "NAME", synopsis: "SYNOPSIS", description: "DESCRIPTION", options: "OPTIONS", command: "COMMANDS",
	exit: "EXIT STATUS", short: "gateway for Ideco agent", subcommand: "COMMAND", flags: "flags", defaultIs: "Default: %s.", variable: "Variable: %s.",
	files: "FILES", seeAlso: "SEE ALSO",
	exitCodes: []docs.Block{
		{Term: "0", Text: "The command did what it says."},
		{Term: "1", Text: "It failed. Standard error says why and what to do."},
		{Term: "2", Text: "The command line, or a variable, is wrong. Nothing was changed."},
	},
	fileList: []docs.Block{
		{Term: "/etc/default/ideco-portal", Text: "Variables of the service."},
		{Term: "/var/lib/ideco-portal", Text: "Data of the gateway: database, keys, certificates."},
		{Term: "/var/lib/ideco-portal/setup-link", Text: "The link that makes the first administrator, for one hour."},
	},
}

var russianPage = pageTexts{
	lang: "ru", manual: "Ideco агент", name: "ИМЯ", synopsis: "СИНТАКСИС", description: "ОПИСАНИЕ", options: "КЛЮЧИ", command: "КОМАНДЫ",
	exit: "КОД ЗАВЕРШЕНИЯ", short: "шлюз для Ideco агента", subcommand: "КОМАНДА", flags: "ключи", defaultIs: "По умолчанию: %s.", variable: "Переменная: %s.",
	files: "ФАЙЛЫ", seeAlso: "СМОТРИТЕ ТАКЖЕ",
	exitCodes: []docs.Block{
		{Term: "0", Text: "Команда выполнена."},
		{Term: "1", Text: "Ошибка. Причина и что делать — в стандартном потоке ошибок."},
		{Term: "2", Text: "Ошибка в командной строке или переменной. Ничего не изменено."},
	},
	fileList: []docs.Block{
		{Term: "/etc/default/ideco-portal", Text: "Переменные службы."},
		{Term: "/var/lib/ideco-portal", Text: "Данные шлюза: база, ключи, сертификаты."},
		{Term: "/var/lib/ideco-portal/setup-link", Text: "Ссылка, по которой создают первого администратора; действует час."},
	},
}

// manPage returns the page from the model of the command line.
func manPage(app *kong.Application, t pageTexts) docs.Page {
	sections := []docs.Section{
		{Title: t.name, Blocks: []docs.Block{{Text: app.Name + " - " + t.short}}},
		{Title: t.synopsis, Blocks: []docs.Block{{Code: true, Text: fmt.Sprintf("%s [%s] %s [%[2]s]", app.Name, t.flags, t.subcommand)}}},
		{Title: t.description, Blocks: []docs.Block{{Text: app.Help}}},
		{Title: t.options, Blocks: t.flagBlocks(app.Node)},
		{Title: t.command},
	}
	sections = append(sections, t.commandSections(app.Node)...)
	sections = append(sections,
		docs.Section{Title: t.exit, Blocks: t.exitCodes},
		docs.Section{Title: t.files, Blocks: t.fileList},
		docs.Section{Title: t.seeAlso, Blocks: []docs.Block{{Text: "ideco-agent(1), nft(8), systemctl(1), journalctl(1)"}}})
	return docs.Page{Manual: t.manual, Sections: sections}
}

// commandSections returns a section for each command that can be run.
func (t pageTexts) commandSections(n *kong.Node) []docs.Section {
	var sections []docs.Section
	for _, child := range n.Children {
		switch {
		case child.Hidden:
		case len(child.Children) > 0:
			sections = append(sections, t.commandSections(child)...)
		default:
			usage := child.Path()
			for _, arg := range child.Positional {
				usage += " " + arg.Summary()
			}
			blocks := append([]docs.Block{{Text: strings.TrimSpace(child.Help + "\n" + child.Detail)}}, t.flagBlocks(child)...)
			sections = append(sections, docs.Section{Title: usage, Below: true, Blocks: blocks})
		}
	}
	return sections
}

// flagBlocks describes the flags of a command, and its arguments.
func (t pageTexts) flagBlocks(n *kong.Node) []docs.Block {
	var blocks []docs.Block
	for _, arg := range n.Positional {
		blocks = append(blocks, docs.Block{Term: arg.Summary(), Text: t.lang.translate(arg.Help)})
	}
	for _, f := range n.Flags {
		if f.Hidden {
			continue
		}
		term, text := "--"+f.Name, f.Help
		if f.Short != 0 {
			term = "-" + string(f.Short) + ", " + term
		}
		if !f.IsBool() {
			term += "=" + t.lang.kongText(placeholder(f))
		}
		if f.HasDefault && f.Default != "" {
			text += " " + fmt.Sprintf(t.defaultIs, f.Default)
		}
		if len(f.Envs) > 0 {
			text += " " + fmt.Sprintf(t.variable, strings.Join(f.Envs, ", "))
		}
		blocks = append(blocks, docs.Block{Term: term, Text: text})
	}
	return blocks
}

// placeholder returns what stands for the value of a flag: its choices, or its name in capitals.
func placeholder(f *kong.Flag) string {
	switch {
	case f.PlaceHolder != "":
		return f.PlaceHolder
	case f.Enum != "":
		return strings.ReplaceAll(f.Enum, ",", "|")
	}
	return strings.ToUpper(f.Name)
}
