package templates

import (
	"strings"

	"ideco-agent/templates/locale"
)

// pathLabel returns the label for a Windows path: its file name.
func pathLabel(l *locale.Localizer, path string) string {
	return l.T("exclusions_path_label", locale.Args{"Name": path[strings.LastIndexByte(path, '\\')+1:]})
}

// programLabel returns a program's name and Windows versions.
func programLabel(l *locale.Localizer, program Program) string {
	name := locale.Args{"Name": program.Name}
	switch program.Windows {
	case "10":
		return l.T("program_windows_10", name)
	case "8":
		return l.T("program_windows_8", name)
	default:
		return l.T("program_windows_any", name)
	}
}

func choose(condition bool, yes, no string) string {
	if condition {
		return yes
	}
	return no
}
