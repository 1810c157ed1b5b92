package installer

import "slices"

// standardActions are actions of Windows Installer that a sequence may have.
var standardActions = []string{
	"AppSearch", "CostFinalize", "CostInitialize", "CreateFolders", "CreateShortcuts", "DeleteServices", "ExecuteAction", "FileCost",
	"FindRelatedProducts", "InstallAdminPackage", "InstallExecute", "InstallFiles", "InstallFinalize", "InstallInitialize", "InstallServices",
	"InstallValidate", "LaunchConditions", "MigrateFeatureStates", "MsiPublishAssemblies", "MsiUnpublishAssemblies", "ProcessComponents",
	"PublishComponents", "PublishFeatures", "PublishProduct", "RegisterClassInfo", "RegisterExtensionInfo", "RegisterMIMEInfo",
	"RegisterProduct", "RegisterProgIdInfo", "RegisterUser", "RemoveExistingProducts", "RemoveFiles", "RemoveFolders",
	"RemoveRegistryValues", "RemoveShortcuts", "StartServices", "StopServices", "UnpublishFeatures", "ValidateProductID",
	"WriteRegistryValues",
}

// executeOrder lists actions of the table InstallExecuteSequence: those that the table has must come in this order.
// Source: the sequence restrictions of each standard action, and ICE27.
var executeOrder = [][]string{
	{"AppSearch", "CostInitialize", "FileCost", "CostFinalize", "InstallValidate", "InstallInitialize"},
	{"FindRelatedProducts", "MigrateFeatureStates"},
	{"FindRelatedProducts", "RemoveExistingProducts"},
	{"CostFinalize", "MigrateFeatureStates", "InstallValidate"},
	{"StopServices", "DeleteServices", "RemoveFiles", "InstallFiles", "InstallServices", "StartServices"},
	{"RemoveRegistryValues", "WriteRegistryValues"},
	{"RemoveShortcuts", "CreateShortcuts"},
	{"RemoveFiles", "RemoveFolders", "CreateFolders", "InstallFiles", "CreateShortcuts"},
	{"UnpublishFeatures", "PublishFeatures", "PublishProduct"},
}

// changes are the actions that change the computer: they must be between InstallInitialize and InstallFinalize.
var changes = []string{
	"CreateFolders", "CreateShortcuts", "DeleteServices", "InstallFiles", "InstallServices", "ProcessComponents", "PublishFeatures",
	"PublishProduct", "RegisterProduct", "RegisterUser", "RemoveFiles", "RemoveFolders", "RemoveRegistryValues", "RemoveShortcuts",
	"StartServices", "StopServices", "UnpublishFeatures", "WriteRegistryValues",
}

// uiOrder does the same for the table InstallUISequence.
var uiOrder = [][]string{
	{"AppSearch", "CostInitialize", "FileCost", "CostFinalize", "ExecuteAction"},
	{"FindRelatedProducts", "MigrateFeatureStates", "ExecuteAction"},
}

// tableActions are the actions that the rows of a table need.
var tableActions = map[string][]string{
	"AppSearch":       {"AppSearch"},
	"Component":       {"ProcessComponents"},
	"CreateFolder":    {"CreateFolders", "RemoveFolders"},
	"Feature":         {"PublishFeatures", "UnpublishFeatures"},
	"File":            {"InstallFiles", "RemoveFiles"},
	"LaunchCondition": {"LaunchConditions"},
	"Registry":        {"WriteRegistryValues", "RemoveRegistryValues"},
	"RemoveFile":      {"RemoveFiles"},
	"ServiceControl":  {"StartServices", "StopServices", "DeleteServices"},
	"ServiceInstall":  {"InstallServices"},
	"Shortcut":        {"CreateShortcuts", "RemoveShortcuts"},
	"Upgrade":         {"FindRelatedProducts", "MigrateFeatureStates", "RemoveExistingProducts"},
}

// sequence is a sequence table: the number of each action.
type sequence map[string]int

func (v *validation) sequence(table string) sequence {
	s := sequence{}
	for r := range v.records(table) {
		s[r.text("Action")] = r.number("Sequence")
	}
	return s
}

// checkSequences reports unknown actions, actions out of order, repeated numbers, and tables whose rows need an action
// that is missing.
func (v *validation) checkSequences() {
	for _, table := range []string{"InstallExecuteSequence", "InstallUISequence", "AdminExecuteSequence", "AdminUISequence", "AdvtExecuteSequence"} {
		v.checkNumbers(table)
	}
	v.checkOrder("InstallUISequence", uiOrder)
	v.checkOrder("InstallExecuteSequence", executeOrder)
	execute := v.sequence("InstallExecuteSequence")
	for _, action := range []string{"CostInitialize", "FileCost", "CostFinalize", "InstallValidate", "InstallInitialize", "ProcessComponents", "InstallFinalize"} {
		if execute[action] == 0 {
			v.fault("InstallExecuteSequence lacks %s", action)
		}
	}
	for _, action := range changes {
		if at, ok := execute[action]; ok && (at < execute["InstallInitialize"] || at > execute["InstallFinalize"]) {
			v.fault("InstallExecuteSequence: %s is not between InstallInitialize and InstallFinalize", action)
		}
	}
	for _, table := range v.tableNames() {
		for _, action := range tableActions[table] {
			if _, ok := execute[action]; !ok && v.tables[table].rows() > 0 {
				v.fault("InstallExecuteSequence lacks %s, which the rows of table %s need", action, table)
			}
		}
	}
	v.checkRemoval(execute)
}

// checkNumbers reports unknown actions and bad or repeated numbers. The numbers -1 to -4 are for the dialogs at the end.
func (v *validation) checkNumbers(table string) {
	seen := map[int]string{}
	for r := range v.records(table) {
		action, at := r.text("Action"), r.number("Sequence")
		if !slices.Contains(standardActions, action) && !v.has("CustomAction", action) && !v.has("Dialog", action) {
			v.fault("%s: no such action or dialog", r)
		}
		if at < -4 || at == 0 || at < 0 && !v.has("Dialog", action) {
			v.fault("%s: invalid sequence number %d", r, at)
		}
		if other := seen[at]; other != "" {
			v.fault("%s: %s has the sequence number %d, too", r, other, at)
		}
		seen[at] = action
	}
}

// checkOrder reports actions that do not come in the order of a list.
func (v *validation) checkOrder(table string, lists [][]string) {
	s := v.sequence(table)
	for _, list := range lists {
		before := ""
		for _, action := range list {
			at, ok := s[action]
			if !ok {
				continue
			}
			if before != "" && at <= s[before] {
				v.fault("%s: %s must come after %s", table, action, before)
			}
			before = action
		}
	}
}

// checkRemoval reports RemoveExistingProducts anywhere but between InstallValidate and InstallInitialize, directly after
// InstallInitialize or InstallExecute, or at the end (ICE63).
func (v *validation) checkRemoval(execute sequence) {
	at, ok := execute["RemoveExistingProducts"]
	if !ok || at > execute["InstallFinalize"] || at > execute["InstallValidate"] && at < execute["InstallInitialize"] {
		return
	}
	before := ""
	for action, number := range execute {
		if number < at && number > execute[before] {
			before = action
		}
	}
	if before != "InstallInitialize" && before != "InstallExecute" {
		v.fault("InstallExecuteSequence: RemoveExistingProducts comes right after %s", before)
	}
}

// The column Type of the table CustomAction: inScript is a flag, and the bits of sourceMask say what kind of action it is.
const (
	sourceMask = 0x3F
	inScript   = 0x400

	dllInBinary, exeInBinary, jsInBinary, vbsInBinary = 1, 2, 5, 6
	dllOfFile, exeOfFile, jsOfFile, vbsOfFile         = 17, 18, 21, 22
	showError                                         = 19
	exeInDirectory, setDirectory                      = 34, 35
	exeOfProperty, setProperty                        = 50, 51
)

// checkCustomActions reports actions whose source is missing, deferred actions outside the transaction (ICE77), and actions
// that use installed files before the folders are known (ICE75).
func (v *validation) checkCustomActions() {
	execute, ui := v.sequence("InstallExecuteSequence"), v.sequence("InstallUISequence")
	for r := range v.records("CustomAction") {
		kind, name, source := r.number("Type"), r.text("Action"), r.text("Source")
		inFolder := false
		switch kind & sourceMask {
		case dllInBinary, exeInBinary, jsInBinary, vbsInBinary:
			v.checkKey(r.String()+": Source", source, "Binary")
		case dllOfFile, exeOfFile, jsOfFile, vbsOfFile:
			v.checkKey(r.String()+": Source", source, "File")
			inFolder = true
		case exeInDirectory, setDirectory:
			v.checkKey(r.String()+": Source", source, "Directory")
			inFolder = true
		case exeOfProperty, setProperty:
			if source == "" {
				v.fault("%s: names no property", r)
			}
		case showError:
		default:
			v.fault("%s: unsupported custom action type %d", r, kind)
		}
		if kind&inScript != 0 && (execute[name] < execute["InstallInitialize"] || execute[name] > execute["InstallFinalize"]) {
			v.fault("%s: a deferred action is not between InstallInitialize and InstallFinalize", r)
		}
		for _, s := range []sequence{execute, ui} {
			if at, ok := s[name]; ok && inFolder && at < s["CostFinalize"] {
				v.fault("%s: comes before CostFinalize, when no folder is known", r)
			}
		}
	}
}
