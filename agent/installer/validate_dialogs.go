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

// checkDialogs reports dialogs that name missing controls, and an error dialog without the style of one (errors 2803, 2869).
func (v *validation) checkDialogs() {
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

// styleOf returns the text style at the beginning of a control's text.
var styleOf = regexp.MustCompile(`^\{[\\&](\w+)\}`)

// checkControls reports controls of unknown type, without the property that they need (error 2819), or with a missing picture
// or text style, and dialogs whose tab order is no cycle (errors 2810, 2811, 2815).
func (v *validation) checkControls() {
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
			v.checkKey(r.String()+": Property", r.text("Property"), "CheckBox")
		}
		if kind == "Icon" || kind == "Bitmap" {
			v.checkKey(r.String()+": Text", r.text("Text"), "Binary")
		}
		if style := styleOf.FindStringSubmatch(r.text("Text")); style != nil {
			v.checkKey(r.String()+": Text", style[1], "TextStyle")
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
		v.checkTabOrder(r, sets[r.text("Dialog")])
	}
}

// checkTabOrder reports a dialog whose controls with a next one are not a single cycle that contains the first control.
func (v *validation) checkTabOrder(dialog record, set map[string]record) {
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

// checkControlEvents reports buttons without an event, and events whose argument is missing.
func (v *validation) checkControlEvents() {
	hasEvent := map[string]bool{}
	errorDialog := v.property("ErrorDialog")
	for r := range v.records("ControlEvent") {
		dialog, control, event, argument := r.text("Dialog_"), r.text("Control_"), r.text("Event"), r.text("Argument")
		hasEvent[dialog+"/"+control] = true
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
		if r.text("Type") == "PushButton" && !hasEvent[r.text("Dialog_")+"/"+r.text("Control")] {
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
