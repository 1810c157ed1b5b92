package installer

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Validate checks the rules of Windows Installer that other readers (msitools, Wine) do not enforce:
//
//   - a search of the compound file's directory finds every stream (MS-CFB 2.6.4);
//   - the rows of each table are sorted by primary key, where a text counts by its number in the string pool; otherwise
//     Windows reports error 2219. Primary keys are unique;
//   - the code page is one that Windows Installer supports, and every text is in it and no longer than its column. Only
//     nullable columns are NULL;
//   - foreign keys name rows that exist;
//   - the sequence tables (InstallExecuteSequence and others) have known actions in their documented order, and an action for
//     every table whose rows need one;
//   - the columns Condition keep to the Conditional Statement Syntax; every component is in a feature and has a KeyPath of its
//     own; every directory is below TARGETDIR;
//   - the table Upgrade has a row for the product's UpgradeCode that removes earlier versions, and ProductVersion has the form
//     255.255.65535;
//   - the cabinet has the files of the table File in the order of the table Media, and they can be unpacked;
//   - the controls of each dialog, their events and the order of the Tab key name controls and dialogs that exist.
//
// The rules are those of Microsoft's reference of Windows Installer (tables, standard actions, error messages and the
// internal consistency evaluators, ICE). The error lists the first 50 faults, one per line, and ends with "… and more" when
// there are more.
func Validate(msi File) error {
	db, err := openDatabase(msi)
	if err != nil {
		return err
	}
	v := &validation{database: db}
	v.check()
	v.unpack()
	return v.err()
}

// validation collects the faults of a database.
type validation struct {
	*database
	faults []error
	more   bool // than maxFaults
}

const maxFaults = 50

func (v *validation) fault(format string, args ...any) {
	if len(v.faults) == maxFaults {
		v.more = true
		return
	}
	v.faults = append(v.faults, fmt.Errorf(format, args...))
}

func (v *validation) err() error {
	if v.more {
		return errors.Join(errors.Join(v.faults...), errors.New("… and more"))
	}
	return errors.Join(v.faults...)
}

// check checks all rules except that the cabinets can be unpacked.
func (v *validation) check() {
	for _, rule := range []func(){
		v.checkDirectory, v.checkTexts, v.checkRowOrder, v.checkCells, v.checkReferences, v.checkFileNames, v.checkProperties,
		v.checkSummary, v.checkUpgrade, v.checkComponents, v.checkFolders, v.checkConditions, v.checkSequences, v.checkCustomActions,
		v.checkCabinets, v.checkDialogs, v.checkGeometry, v.checkControls, v.checkControlEvents,
	} {
		rule()
	}
}

func (v *validation) tableNames() []string { return sortedKeys(v.tables) }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// checkDirectory reports streams that Windows would not find, and tables that only one of _Tables and _Columns knows.
func (v *validation) checkDirectory() {
	if err := v.file.checkTree(); err != nil {
		v.fault("directory of the compound file: %w", err)
	}
	for r := range v.records("_Tables") {
		if name := r.text("Name"); v.tables[name] == nil {
			v.fault("table %s has no columns", name)
		}
	}
	for _, name := range v.tableNames() {
		if !strings.HasPrefix(name, "_") && !v.has("_Tables", name) {
			v.fault("table %s is not in the table _Tables", name)
		}
	}
}

// checkTexts reports a code page that Windows Installer does not support, and texts that are not in it.
func (v *validation) checkTexts() {
	if _, ok := codePages[v.codePage()]; !ok {
		v.fault("code page %d, want one that Windows Installer supports (1251)", v.codePage())
		return
	}
	for number := 1; number < len(v.pool.records); number++ {
		if text := v.text(uint32(number)); strings.ContainsRune(text, '\uFFFD') {
			v.fault("string %d (%q) is not in code page %d", number, text, v.codePage())
		}
	}
}

// checkRowOrder reports rows whose primary key is not greater than that of the row before.
func (v *validation) checkRowOrder() {
	for _, name := range v.tableNames() {
		var before record
		for r := range v.records(name) {
			if before.table != nil {
				switch slices.Compare(before.key(), r.key()) {
				case 0:
					v.fault("%s: the primary key is there twice", r)
				case 1:
					v.fault("%s: the row comes after %s, but its primary key %v is less than %v (error 2219)", r, before, r.key(), before.key())
				}
			}
			before = r
		}
	}
}

// checkCells reports NULL where it is not allowed, texts longer than their column, and missing streams.
func (v *validation) checkCells() {
	for _, name := range v.tableNames() {
		for r := range v.records(name) {
			for i, c := range r.table.columns {
				switch {
				case r.cells[i] == 0 && c.kind&columnNullable == 0:
					v.fault("%s: column %s is NULL", r, c.name)
				case c.kind.isText() && c.kind.width() > 0 && utf8.RuneCountInString(r.text(c.name)) > c.kind.width():
					v.fault("%s: column %s has more than %d characters", r, c.name, c.kind.width())
				case c.kind.isStream() && r.cells[i] != 0:
					v.checkStream(r)
				}
			}
		}
	}
}

// checkStream reports a row whose data has no stream. The stream is named after the table and the row's key.
func (v *validation) checkStream(r record) {
	name := r.table.name + "." + strings.Join(r.keyTexts(), ".")
	if _, ok := v.file.streams[name]; !ok {
		v.fault("%s: lacks its stream %q", r, name)
	}
}

// foreignKey says that a column holds the key of another table's row.
type foreignKey struct {
	table, column string
	to            []string // tables with one key column, any of which may have the row
}

// foreignKeys is from the documentation of the tables.
var foreignKeys = []foreignKey{
	{"AppSearch", "Signature_", []string{"Signature", "RegLocator"}},
	{"Component", "Directory_", []string{"Directory"}},
	{"CreateFolder", "Component_", []string{"Component"}},
	{"CreateFolder", "Directory_", []string{"Directory"}},
	{"Directory", "Directory_Parent", []string{"Directory"}},
	{"Feature", "Feature_Parent", []string{"Feature"}},
	{"Feature", "Directory_", []string{"Directory"}},
	{"FeatureComponents", "Component_", []string{"Component"}},
	{"FeatureComponents", "Feature_", []string{"Feature"}},
	{"File", "Component_", []string{"Component"}},
	{"MsiFileHash", "File_", []string{"File"}},
	{"Registry", "Component_", []string{"Component"}},
	{"RemoveFile", "Component_", []string{"Component"}},
	{"ServiceControl", "Component_", []string{"Component"}},
	{"ServiceInstall", "Component_", []string{"Component"}},
	{"Shortcut", "Component_", []string{"Component"}},
	{"Shortcut", "Directory_", []string{"Directory"}},
	{"Shortcut", "Icon_", []string{"Icon"}},
	{"Shortcut", "WkDir", []string{"Directory"}},
	{"ControlCondition", "Dialog_", []string{"Dialog"}},
	{"ControlEvent", "Dialog_", []string{"Dialog"}},
	{"EventMapping", "Dialog_", []string{"Dialog"}},
	{"Control", "Dialog_", []string{"Dialog"}},
}

// propertyKeys are properties whose value is a key of another table.
var propertyKeys = []struct{ property, table string }{
	{"ARPPRODUCTICON", "Icon"}, {"DefaultUIFont", "TextStyle"}, {"ErrorDialog", "Dialog"},
}

// checkReferences reports references to missing rows.
func (v *validation) checkReferences() {
	for _, ref := range foreignKeys {
		t := v.tables[ref.table]
		if t == nil {
			continue
		}
		if t.column(ref.column) < 0 {
			v.fault("table %s has no column %s", ref.table, ref.column)
		}
		for r := range v.records(ref.table) {
			v.checkKey(r.String()+": "+ref.column, r.text(ref.column), ref.to...)
		}
	}
	for _, ref := range propertyKeys {
		v.checkKey("Property "+ref.property, v.property(ref.property), ref.table)
	}
	for r := range v.records("Component") {
		const registryKeyPath = 4
		to := "File"
		if r.number("Attributes")&registryKeyPath != 0 {
			to = "Registry"
		}
		v.checkKey(r.String()+": KeyPath", r.text("KeyPath"), to)
	}
	for r := range v.records("RemoveFile") {
		if name := r.text("DirProperty"); !v.has("Directory", name) && !v.isSet(name) {
			v.fault("%s: %s is neither a directory nor set by an action", r, name)
		}
	}
}

// checkKey reports a key that is in none of the tables. what names the place that refers to it.
func (v *validation) checkKey(what, key string, tables ...string) {
	if key == "" || slices.ContainsFunc(tables, func(table string) bool { return v.has(table, key) }) {
		return
	}
	v.fault("%s names %s, which the table %s lacks", what, key, strings.Join(tables, " or "))
}

// isSet reports whether something gives a property a value.
func (v *validation) isSet(property string) bool {
	if v.has("Property", property) || v.has("AppSearch", property) {
		return true
	}
	for r := range v.records("CustomAction") {
		if r.number("Type")&sourceMask == setProperty && r.text("Source") == property {
			return true
		}
	}
	return false
}

// checkFileNames reports names that are neither an 8.3 name nor "8.3 name|long name".
func (v *validation) checkFileNames() {
	for _, c := range []struct{ table, column string }{{"File", "FileName"}, {"Shortcut", "Name"}, {"Directory", "DefaultDir"}} {
		for r := range v.records(c.table) {
			short, long, both := strings.Cut(r.text(c.column), "|")
			if !isShortName(short) || both && (long == "" || strings.ContainsAny(long, `\?|<>:/*"`)) {
				v.fault("%s: %s is %q, want an 8.3 name or \"8.3 name|long name\"", r, c.column, r.text(c.column))
			}
		}
	}
}

// isShortName accepts 8.3 names, "." (the parent directory) and SourceDir (the root).
func isShortName(name string) bool {
	if name == "." || name == "SourceDir" {
		return true
	}
	base, extension, dotted := strings.Cut(name, ".")
	return base != "" && utf8.RuneCountInString(base) <= 8 && (!dotted || extension != "" && utf8.RuneCountInString(extension) <= 3) &&
		!strings.ContainsAny(name, " \\?|<>:/*\"+,;=[]") && !strings.Contains(extension, ".")
}

// checkProperties reports required properties that are missing or malformed, GUIDs that are not upper case or not unique,
// and entries of SecureCustomProperties that are missing or not public.
func (v *validation) checkProperties() {
	for _, name := range []string{"ProductCode", "UpgradeCode"} {
		if code := v.property(name); !isGUID(code) {
			v.fault("Property %s is %q, want a GUID in upper case", name, code)
		}
	}
	for _, name := range []string{"ProductName", "ProductVersion", "ProductLanguage", "Manufacturer"} {
		if v.property(name) == "" {
			v.fault("lacks the property %s", name)
		}
	}
	seen := map[string]bool{}
	for r := range v.records("Component") {
		id := r.text("ComponentId")
		if !isGUID(id) || seen[id] {
			v.fault("%s: ComponentId %q is not a GUID in upper case, or not unique", r, id)
		}
		seen[id] = true
	}
	secure := strings.Split(v.property("SecureCustomProperties"), ";")
	for r := range v.records("Upgrade") {
		if name := r.text("ActionProperty"); !slices.Contains(secure, name) {
			v.fault("%s: %s is not among the SecureCustomProperties", r, name)
		}
	}
	for _, name := range secure {
		if name != strings.ToUpper(name) {
			v.fault("SecureCustomProperties: %s is not a public property", name)
		}
	}
}

func isGUID(s string) bool { return isCode(s) && s == strings.ToUpper(s) }

// checkSummary reports a summary whose platform, language, version, storage or package code is wrong.
func (v *validation) checkSummary() {
	s, err := v.file.open(summaryName)
	if err != nil {
		v.fault("%w", err)
		return
	}
	b, err := v.file.read(s)
	if err != nil {
		v.fault("%w", err)
		return
	}
	properties, err := parseSummary(b)
	if err != nil {
		v.fault("%w", err)
		return
	}
	language := v.property("ProductLanguage")
	if want := "x64;" + language; properties.template != want {
		v.fault("summary: platform and language are %q, want %q", properties.template, want)
	}
	if _, err := strconv.ParseUint(language, 10, 16); err != nil {
		v.fault("Property ProductLanguage is %q, want a number", language)
	}
	const longNamesCompressed = 2
	if properties.schema < 200 || properties.source != longNamesCompressed {
		v.fault("summary: version %d and source type %d, want 200 or more (x64) and %d", properties.schema, properties.source, longNamesCompressed)
	}
	if !isGUID(properties.packageCode) {
		v.fault("summary: package code %q, want a GUID in upper case", properties.packageCode)
	}
}
