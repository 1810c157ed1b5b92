package accountcsv

import "strings"

// dangerous are the first characters of cells that a spreadsheet program takes for formulas.
const dangerous = "=+-@\t\r"

// Protect puts an apostrophe before a text that a spreadsheet program would take for a formula. plain removes it.
func Protect(text string) string {
	if text != "" && (strings.ContainsRune(dangerous, rune(text[0])) || plain(text) != text) {
		return "'" + text
	}
	return text
}

// plain removes the apostrophe of Protect, and the one by which people keep the zeros at the beginning of a number.
func plain(cell string) string {
	if rest, is := strings.CutPrefix(cell, "'"); is && rest != "" && strings.ContainsRune(dangerous+"'0123456789", rune(rest[0])) {
		return rest
	}
	return cell
}

// unwrap returns the text of a cell that Excel keeps as a text by a formula: ="007".
func unwrap(cell string) string {
	if text, is := strings.CutPrefix(strings.TrimSpace(cell), `="`); is {
		if text, is = strings.CutSuffix(text, `"`); is {
			return strings.ReplaceAll(text, `""`, `"`)
		}
	}
	return cell
}

func choose(condition bool, yes, no string) string {
	if condition {
		return yes
	}
	return no
}
