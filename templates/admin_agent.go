package templates

import (
	"strings"

	"ideco-agent/templates/locale"
)

// pathLabel names the file that a path of Windows leads to.
func pathLabel(l *locale.Localizer, path string) string {
	return l.T("exclusions_path_label", locale.Args{"Name": path[strings.LastIndexByte(path, '\\')+1:]})
}

// programLabel names a program and the Windows that it is for.
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
