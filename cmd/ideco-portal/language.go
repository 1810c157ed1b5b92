package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"ideco-agent/web"
)

// language is the language of the texts on a terminal: "ru" or "en". Log lines are always English.
type language string

// languageOf returns the language of --lang, or else of the first of LC_ALL, LC_MESSAGES and LANG that is set: English if it
// names English, otherwise Russian. It reads the flag itself, because the help is printed while flags are parsed.
func languageOf(args []string, getenv func(string) string) language {
	name := cmp.Or(getenv("LC_ALL"), getenv("LC_MESSAGES"), getenv("LANG"))
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--lang="); ok {
			name = value
		} else if arg == "--lang" && i+1 < len(args) {
			name = args[i+1]
		}
	}
	if words := strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("-_.@", r) }); len(words) > 0 && strings.EqualFold(words[0], "en") {
		return "en"
	}
	return "ru"
}

// translate returns the text in the language.
func (l language) translate(english string) string {
	if l == "ru" {
		return cmp.Or(russian[english], english)
	}
	return english
}

func (l language) sprintf(english string, args ...any) string {
	return fmt.Sprintf(l.translate(english), args...)
}

// errorText returns the text of an error, see web.ErrorText.
func (l language) errorText(err error) string { return web.ErrorText(err, l.translate) }

// kongText translates a text of package kong, and replaces its terms of programmers.
func (l language) kongText(text string) string {
	text = kongPlain.Replace(text)
	if l == "ru" {
		return kongRussian.Replace(text)
	}
	return text
}

// translateHelp translates the help of a command, its flags and its subcommands.
func (l language) translateHelp(n *kong.Node) {
	n.Help = l.translate(n.Help)
	for _, f := range n.Flags {
		f.Help = strings.ReplaceAll(l.translate(f.OrigHelp), "${enum}", f.Enum)
	}
	for _, a := range n.Positional {
		a.Help = l.translate(a.Help)
	}
	for _, child := range n.Children {
		l.translateHelp(child)
	}
}

// writer returns a writer that translates kong's own texts.
func (l language) writer(w io.Writer) io.Writer {
	return kongWriter{w, l}
}

type kongWriter struct {
	io.Writer
	lang language
}

func (w kongWriter) Write(b []byte) (int, error) {
	if _, err := io.WriteString(w.Writer, w.lang.kongText(string(b))); err != nil {
		return 0, err
	}
	return len(b), nil
}

// announce prints the portal's URL and the links in setup for making the first administrator: the first link for this
// machine, the others for the local networks. setup is empty when there is an administrator.
func (l language) announce(portal string, setup []string) {
	text := l.sprintf("Portal: %s", portal)
	for i, link := range setup {
		if i == 0 {
			text += "\n  " + l.sprintf("First administrator (1 h): %s", link)
		} else {
			text += "\n  " + l.sprintf("From the local network: %s", link)
		}
	}
	fmt.Fprintf(os.Stderr, "\n  %s\n\n", text)
}
