package docs

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// man returns a page in the macros of man(7).
func man(p Program, page Page, version string, built time.Time) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, ".TH %s %d %s \"%s %s\" \"%s\"\n", strings.ToUpper(p.Name), p.Section, built.Format("2006-01-02"), p.Name, version, page.Manual)
	b.WriteString(".ad l\n.nh\n") // long flags and paths make ugly gaps in justified lines
	for _, s := range page.Sections {
		macro := ".SH"
		if s.Below {
			macro = ".SS"
		}
		fmt.Fprintf(&b, "%s %s\n", macro, roffLine(s.Title))
		for i, block := range s.Blocks {
			switch {
			case block.Code:
				if i > 0 {
					b.WriteString(".PP\n")
				}
				fmt.Fprintf(&b, ".nf\n%s\n.fi\n", roff(block.Text))
			case block.Term != "":
				fmt.Fprintf(&b, ".TP\n\\fB%s\\fR\n%s\n", roffLine(block.Term), roff(wrap(block.Text)))
			default:
				if i > 0 {
					b.WriteString(".PP\n")
				}
				fmt.Fprintf(&b, "%s\n", roff(wrap(block.Text)))
			}
		}
	}
	return b.Bytes()
}

// wrap breaks a text into lines of at most 72 characters, as mandoc wants them in the source of a page.
func wrap(text string) string {
	var lines []string
	for _, word := range strings.Fields(text) {
		last := len(lines) - 1
		if last >= 0 && utf8.RuneCountInString(lines[last])+1+utf8.RuneCountInString(word) <= 72 {
			lines[last] += " " + word
		} else {
			lines = append(lines, word)
		}
	}
	return strings.Join(lines, "\n")
}

// roff escapes a text: a backslash, a minus, which would become a hyphen, and what begins a request at the start of a line.
func roff(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		line = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(line)
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			line = `\&` + line
		}
		lines[i] = line
	}
	return strings.Join(lines, "\n")
}

// roffLine escapes a text for a line that something else begins.
func roffLine(text string) string {
	return strings.TrimPrefix(roff(strings.ReplaceAll(text, "\n", " ")), `\&`)
}
