package installer

import (
	"regexp"
	"slices"
	"strings"
)

// Types of controls that show or change the value of a property.
var propertyControls = []string{
	"CheckBox", "ComboBox", "DirectoryCombo", "DirectoryList", "Edit", "ListBox", "ListView", "MaskedEdit", "PathEdit",
	"RadioButtonGroup", "SelectionTree", "VolumeSelectCombo",
}

// controlTypes are all other types of controls.
var controlTypes = []string{"Billboard", "Bitmap", "GroupBox", "Hyperlink", "Icon", "Line", "ProgressBar", "PushButton", "ScrollableText", "Text", "VolumeCostList"}

// eventArguments says for each event of a control what its argument may be: a dialog, an action, a feature, one of
// some words, or anything.
var eventArguments = map[string][]string{
	"AddLocal": {"feature"}, "AddSource": {"feature"}, "Reinstall": {"feature"}, "Remove": {"feature"},
	"DoAction":  {"action"},
	"EndDialog": {"Exit", "Retry", "Ignore", "Return"},
	"NewDialog": {"dialog"}, "SpawnDialog": {"dialog"}, "SpawnWaitDialog": {"dialog"},
	"ReinstallMode": {"any"}, "Reset": {"any"}, "SetInstallLevel": {"any"}, "SetTargetPath": {"any"},
	"RMShutdownAndRestart": {"any"}, "MsiLaunchApp": {"any"}, "MsiPrint": {"any"}, "ValidateProductID": {"any"},
	"CheckTargetPath": {"any"}, "EnableRollback": {"any"}, "DirectoryListUp": {"any"}, "DirectoryListNew": {"any"},
	"DirectoryListOpen": {"any"}, "SelectionBrowse": {"any"},
}

// errorReturns are the arguments of EndDialog on the dialog that shows errors, by the names of its buttons.
var errorReturns = map[string]string{
	"A": "ErrorAbort", "C": "ErrorCancel", "I": "ErrorIgnore", "N": "ErrorNo", "O": "ErrorOk", "R": "ErrorRetry", "Y": "ErrorYes",
}

// dialogSets are the dialogs with the controls of each.
func (v *validation) dialogSets() map[string]map[string]record {
	sets := map[string]map[string]record{}
	for r := range v.records("Dialog") {
		sets[r.text("Dialog")] = map[string]record{}
	}
	for r := range v.records("Control") {
		if set := sets[r.text("Dialog_")]; set != nil {
			set[r.text("Control")] = r
		}
	}
	return sets
}

// dialogs: the named controls are there, and the error dialog is one (errors 2803, 2869).
func (v *validation) dialogs() {
	sets := v.dialogSets()
	for r := range v.records("Dialog") {
		set := sets[r.text("Dialog")]
		for _, column := range []string{"Control_First", "Control_Default", "Control_Cancel"} {
			if name := r.text(column); name != "" && set[name].table == nil {
				v.fault("%s: %s names %s, which the dialog lacks", r, column, name)
			}
		}
	}
	name := v.property("ErrorDialog")
	if name == "" {
		return
	}
	for _, control := range []string{"ErrorText", "A", "C", "I", "N", "O", "R", "Y"} {
		if sets[name][control].table == nil {
			v.fault("Dialog %s: lacks %s, which a dialog for errors needs", name, control)
		}
	}
}

// styleOf finds the text style that a control's text begins with.
var styleOf = regexp.MustCompile(`^\{[\\&](\w+)\}`)

// controls: a type that exists, a property where it needs one (2819), a picture and a text style that are there, and an
// order of the Tab key that leads round (2810, 2811, 2815).
func (v *validation) controls() {
	sets := v.dialogSets()
	for r := range v.records("Control") {
		kind := r.text("Type")
		switch {
		case slices.Contains(propertyControls, kind):
			if r.text("Property") == "" {
				v.fault("%s: a %s without a property", r, kind)
			}
		case !slices.Contains(controlTypes, kind):
			v.fault("%s: a control of type %q", r, kind)
		}
		if kind == "CheckBox" {
			v.refers(r.String(), r.text("Property"), foreignKey{"Control", "Property", []string{"CheckBox"}})
		}
		if kind == "Icon" || kind == "Bitmap" {
			v.refers(r.String(), r.text("Text"), foreignKey{"Control", "Text", []string{"Binary"}})
		}
		if style := styleOf.FindStringSubmatch(r.text("Text")); style != nil {
			v.refers(r.String(), style[1], foreignKey{"Control", "Text", []string{"TextStyle"}})
		}
	}
	for _, table := range []string{"ControlCondition", "ControlEvent", "EventMapping"} {
		for r := range v.records(table) {
			if sets[r.text("Dialog_")][r.text("Control_")].table == nil {
				v.fault("%s: the control is not there", r)
			}
		}
	}
	for r := range v.records("Dialog") {
		v.tabOrder(r, sets[r.text("Dialog")])
	}
}

// tabOrder: the controls that name a next one are a single circle, which the first control is in.
func (v *validation) tabOrder(dialog record, set map[string]record) {
	next := map[string]string{}
	for name, r := range set {
		if to := r.text("Control_Next"); to != "" {
			next[name] = to
		}
	}
	if len(next) == 0 {
		return
	}
	first := dialog.text("Control_First")
	at, steps := next[first], 1
	for ; at != first && at != "" && steps <= len(next); at = next[at] {
		steps++
	}
	if at != first || steps != len(next) {
		v.fault("%s: the order of the Tab key does not lead from %s through all controls with a next one and back", dialog, first)
	}
}

// controlEvents: every button does something, and what it leads to is there.
func (v *validation) controlEvents() {
	acts := map[string]bool{}
	errorDialog := v.property("ErrorDialog")
	for r := range v.records("ControlEvent") {
		dialog, control, event, argument := r.text("Dialog_"), r.text("Control_"), r.text("Event"), r.text("Argument")
		acts[dialog+"/"+control] = true
		switch {
		case strings.HasPrefix(event, "[") && strings.HasSuffix(event, "]"): // sets a property
		case dialog == errorDialog:
			if event != "EndDialog" || argument != errorReturns[control] {
				v.fault("%s: want EndDialog with %s", r, errorReturns[control])
			}
		case !v.isArgument(event, argument):
			v.fault("%s: the event %s leads to %q, which is not there", r, event, argument)
		}
	}
	for r := range v.records("Control") {
		if r.text("Type") == "PushButton" && !acts[r.text("Dialog_")+"/"+r.text("Control")] {
			v.fault("%s: the button does nothing", r)
		}
	}
}

func (v *validation) isArgument(event, argument string) bool {
	for _, allowed := range eventArguments[event] {
		switch allowed {
		case "any":
			return true
		case "dialog":
			return v.has("Dialog", argument)
		case "action":
			return v.has("CustomAction", argument) || slices.Contains(standardActions, argument)
		case "feature":
			return argument == "ALL" || v.has("Feature", argument)
		case argument:
			return true
		}
	}
	return false
}
