package installer

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// TestValidate: the template and its presets are valid.
func TestValidate(t *testing.T) {
	for name, build := range map[string]func() (string, error){"small": buildSmall, "large": buildLarge} {
		_, data := templateFile(t, build)
		if err := Validate(bytes.NewReader(data)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		template := openTemplate(t, build)
		for _, host := range []string{testHost, "g", longestHost, "192.0.2.7", "2001:db8::1", "ideco.ico"} {
			for _, pin := range []string{testPin, ""} {
				if err := Validate(bytes.NewReader(content(t, makeMSI(t, template, host, pin)))); err != nil {
					t.Errorf("%s, preset %s with the pin %q: %v", name, host, pin, err)
				}
			}
		}
	}
}

// TestValidateBroken breaks each rule. The error names the row and what is wrong.
func TestValidateBroken(t *testing.T) {
	path, good := templateFile(t, buildSmall)
	sql := func(queries ...string) func(t *testing.T) []byte {
		return func(t *testing.T) []byte { return queried(t, path, queries...) }
	}
	rows := func(table string, change func(*tableEditor)) func(t *testing.T) []byte {
		return func(t *testing.T) []byte { return edited(t, good, table, change) }
	}
	bytesOf := func(from, to string) func(t *testing.T) []byte {
		return func(t *testing.T) []byte {
			if !bytes.Contains(good, []byte(from)) || len(from) != len(to) {
				t.Fatalf("the template has no %q, or %q is not as long", from, to)
			}
			return bytes.ReplaceAll(good, []byte(from), []byte(to))
		}
	}
	file, _ := parsed(t, good)
	root := int(sectorAt(u32(good, 48))) // the directory's first entry
	cabinet, err := file.open("agent.cab")
	if err != nil {
		t.Fatal(err)
	}
	pool, err := file.open("!_StringPool")
	if err != nil {
		t.Fatal(err)
	}
	inCabinet := func(off int64, value byte) func(t *testing.T) []byte {
		return func(t *testing.T) []byte { return poke(good, int(cabinet.locate(off, 1)[0].at), value) }
	}
	for _, c := range []struct {
		name string
		make func(*testing.T) []byte
		want string
	}{
		// The compound file.
		{"empty tree", func(t *testing.T) []byte { return pokeWord(good, root+76, noNode) }, "is not in the tree"},
		{"not an installer", func(*testing.T) []byte { return poke(good, root+80, 0x86) }, "which is not an installer's"},
		{"tree in a circle", func(t *testing.T) []byte { return pokeWord(good, root+dirEntrySize+68, 1) }, "in the tree twice"},
		{"name out of order", func(t *testing.T) []byte { return poke(good, int(file.streams["!File"].at)+1, 0x00) }, "a search does not find it"},
		{"unlisted table", rows("_Tables", func(e *tableEditor) { e.set(e.find("File"), "Name", "Agent") }), "table File is not in the table _Tables"},
		{"unknown table", rows("_Tables", func(e *tableEditor) { e.set(e.find("File"), "Name", "Agent") }), "table Agent has no columns"},

		// Texts.
		{"UTF-8", func(t *testing.T) []byte {
			return poke(poke(good, int(pool.extents[0].at), 0xE9), int(pool.extents[0].at)+1, 0xFD)
		}, "code page 65001, want one that Windows Installer supports"},
		{"no such character", bytesOf("\xd3\xf1\xf2\xe0\xed\xee\xe2\xea\xe0", "\xd3\xf1\xf2\xe0\xed\xee\xe2\xea\x98"), "is not in code page 1251"},

		// The order of rows.
		{"unsorted", rows("Control", func(e *tableEditor) {
			e.swap(e.find("MaintenanceDialog", "Repair"), e.find("MaintenanceDialog", "Line"))
		}),
			"Control MaintenanceDialog/Line: the row comes after Control MaintenanceDialog/"},
		{"unsorted by number", rows("_Columns", func(e *tableEditor) { e.swap(e.find("Media", "1"), e.find("Media", "2")) }), "table _Columns is out of order"},
		{"the same key twice", rows("Registry", func(e *tableEditor) { copy(e.row(1), e.row(0)) }), "the primary key is there twice"},

		// Cells.
		{"NULL", rows("File", func(e *tableEditor) { e.null(0, "Component_") }), "column Component_ is NULL"},
		{"NULL as a key", rows("Media", func(e *tableEditor) { e.null(0, "DiskId") }), "Media 0: column DiskId is NULL"},
		{"long text", sql("UPDATE Media SET VolumeLabel='" + strings.Repeat("x", 33) + "' WHERE DiskId=1"), "column VolumeLabel has more than 32 characters"},
		{"no picture", func(t *testing.T) []byte { return renamed(t, good, "Binary.Logo") }, `lacks its stream "Binary.Logo"`},

		// References.
		{"no icon", sql("UPDATE Property SET Value='none.ico' WHERE Property='ARPPRODUCTICON'"), "ARPPRODUCTICON names none.ico, which the table Icon lacks"},
		{"no font", sql("UPDATE Property SET Value='Nothing' WHERE Property='DefaultUIFont'"), "DefaultUIFont names Nothing"},
		{"no file", sql("UPDATE Component SET KeyPath='Nothing' WHERE Component='Program'"), "Component Program: KeyPath names Nothing, which the table File lacks"},
		{"no registry value", sql("UPDATE Component SET KeyPath='IdecoAgent.exe' WHERE Component='Window'"), "which the table Registry lacks"},
		{"no directory", sql("UPDATE RemoveFile SET DirProperty='Nothing' WHERE FileKey='RemoveAgentFolder'"), "Nothing is neither a directory nor set by an action"},

		// Names and codes.
		{"long name alone", sql("UPDATE File SET FileName='IdecoAgent.exe' WHERE File='IdecoAgent.exe'"), `FileName is "IdecoAgent.exe", want an 8.3 name`},
		{"bad long name", sql("UPDATE File SET FileName='A.EXE|a?.exe' WHERE File='IdecoAgent.exe'"), "want an 8.3 name"},
		{"no product name", sql("DELETE FROM Property WHERE Property='ProductName'"), "lacks the property ProductName"},
		{"small letters", bytesOf("{9B0E5D3A-2C41-4F7B-8D6A-51E0C7A3F104}", "{9b0e5d3a-2C41-4F7B-8D6A-51E0C7A3F104}"), "is not a GUID in upper case"},
		{"one code twice", sql("UPDATE Component SET ComponentId='{9B0E5D3A-2C41-4F7B-8D6A-51E0C7A3F104}' WHERE Component='Window'"), "or not unique"},
		{"upgrade code", sql("UPDATE Property SET Value='{1}' WHERE Property='UpgradeCode'"), `Property UpgradeCode is "{1}"`},
		{"insecure property", sql("UPDATE Property SET Value='UTM_ADDRESS;UTM_PIN;WIX_UPGRADE_DETECTED' WHERE Property='SecureCustomProperties'"), "WIX_DOWNGRADE_DETECTED is not among the SecureCustomProperties"},
		{"private property", sql("UPDATE Property SET Value='PresetPin;WIX_UPGRADE_DETECTED;WIX_DOWNGRADE_DETECTED' WHERE Property='SecureCustomProperties'"), "PresetPin is not a public property"},
		{"another language", sql("UPDATE Property SET Value='1049' WHERE Property='ProductLanguage'"), `platform and language are "x64;1033", want "x64;1049"`},
		{"no language", sql("UPDATE Property SET Value='ru' WHERE Property='ProductLanguage'"), `ProductLanguage is "ru"`},
		{"another platform", bytesOf("x64;1033", "x86;1033"), `platform and language are "x86;1033"`},

		// Sequences.
		{"no such action", sql("INSERT INTO InstallExecuteSequence (Action, Sequence) VALUES ('Nothing', 4100)"), "InstallExecuteSequence Nothing: no such action or dialog"},
		{"no number", sql("UPDATE InstallUISequence SET Sequence=-5 WHERE Action='FailedDialog'"), "InstallUISequence FailedDialog: invalid sequence number -5"},
		{"one number twice", sql("UPDATE InstallExecuteSequence SET Sequence=4000 WHERE Action='CreateShortcuts'"), "has the sequence number 4000, too"},
		{"wrong order", sql("UPDATE InstallExecuteSequence SET Sequence=950 WHERE Action='AppSearch'"), "CostInitialize must come after AppSearch"},
		{"services", sql("UPDATE InstallExecuteSequence SET Sequence=5700 WHERE Action='StartServices'"), "StartServices must come after InstallServices"},
		{"user interface", sql("UPDATE InstallUISequence SET Sequence=1350 WHERE Action='CostFinalize'"), "ExecuteAction must come after CostFinalize"},
		{"missing", sql("DELETE FROM InstallExecuteSequence WHERE Action='InstallFinalize'"), "InstallExecuteSequence lacks InstallFinalize"},
		{"too late", sql("UPDATE InstallExecuteSequence SET Sequence=6700 WHERE Action='PublishProduct'"), "PublishProduct is not between InstallInitialize and InstallFinalize"},
		{"rows without an action", sql("DELETE FROM InstallExecuteSequence WHERE Action='CreateShortcuts'"), "lacks CreateShortcuts, which the rows of table Shortcut need"},
		{"removal of others", sql("UPDATE InstallExecuteSequence SET Sequence=1515 WHERE Action='RemoveExistingProducts'"), "RemoveExistingProducts comes right after StopServices"},

		// Custom actions.
		{"no source", sql("UPDATE CustomAction SET Source='Nothing' WHERE Action='LaunchAgent'"), "Source names Nothing, which the table Directory lacks"},
		{"no binary", sql("UPDATE CustomAction SET Type=1 WHERE Action='LaunchAgent'"), "which the table Binary lacks"},
		{"no program", sql("UPDATE CustomAction SET Type=18 WHERE Action='LaunchAgent'"), "which the table File lacks"},
		{"no property", rows("CustomAction", func(e *tableEditor) { e.null(e.find("DropPin"), "Source") }), "names no property"},
		{"no such type", sql("UPDATE CustomAction SET Type=63 WHERE Action='DropPin'"), "unsupported custom action type 63"},
		{"deferred too early", sql("UPDATE CustomAction SET Type=1075 WHERE Action='DropPin'"), "a deferred action is not between"},
		{"no folder yet", sql("INSERT INTO InstallUISequence (Action, Sequence) VALUES ('LaunchAgent', 850)"), "comes before CostFinalize"},

		// The cabinet.
		{"no cabinet", func(t *testing.T) []byte { return renamed(t, good, "agent.cab") }, `lacks the stream "agent.cab"`},
		{"outside", sql("UPDATE Media SET Cabinet='agent.cab' WHERE DiskId=1"), "is not inside the installer"},
		{"not a cabinet", inCabinet(0, 'X'), "not a single cabinet"},
		{"cut off", inCabinet(8, 1), "a cabinet of"},
		{"too many files", inCabinet(29, 0xFF), "the list of files"},
		{"more files", inCabinet(28, 1), "cabinet agent.cab has 1 files, the table File 2"},
		{"another size", sql("UPDATE File SET FileSize=20001 WHERE File='IdecoAgent.exe'"), "file 1 is IdecoAgent.exe of 20000 bytes, want IdecoAgent.exe of 20001"},
		{"another order", sql("UPDATE File SET Sequence=3 WHERE File='IdecoAgent.exe'", "UPDATE Media SET LastSequence=3 WHERE DiskId=1"), "want IdecoAgentWin8.exe of"},
		{"on no disk", sql("UPDATE Media SET LastSequence=1 WHERE DiskId=1"), "no disk of the table Media has it"},
		{"one place twice", sql("UPDATE File SET Sequence=2 WHERE File='IdecoAgent.exe'"), "repeated sequence number 2"},

		{"damaged data", inCabinet(5000, 0x55), "a block whose checksum is wrong"},
		{"outside the cabinet", sql("UPDATE File SET Attributes=8192 WHERE File='IdecoAgent.exe'"), "File IdecoAgent.exe: not in the cabinet"},

		// Components, directories and the product.
		{"in no feature", sql("DELETE FROM FeatureComponents WHERE Component_='Window'"), "Component Window: in no feature"},
		{"feature that is off", sql("UPDATE Feature SET Level=0 WHERE Feature='Agent'"), "a feature of level 0 is not installed"},
		{"another's key path", sql("UPDATE Component SET KeyPath='IdecoAgent.exe' WHERE Component='ProgramWin8'"), `the key path IdecoAgent.exe belongs to "Program"`},
		{"a service without a program", sql("UPDATE ServiceInstall SET Component_='Gateway' WHERE ServiceInstall='Service'"), "the key path of its component is no program"},
		{"directories in a circle", sql("UPDATE Directory SET Directory_Parent='InstallDir' WHERE Directory='IdecoFolder'"), "Directory IdecoFolder: not below TARGETDIR"},
		{"a second root", sql("UPDATE Directory SET Directory_Parent='IdecoFolder' WHERE Directory='IdecoFolder'"), "Directory IdecoFolder: not below TARGETDIR"},
		{"version in words", sql("UPDATE Property SET Value='one' WHERE Property='ProductVersion'"), `ProductVersion is "one"`},
		{"version too large", sql("UPDATE Property SET Value='256.0.0' WHERE Property='ProductVersion'"), `ProductVersion is "256.0.0"`},
		{"one code for all", sql("UPDATE Property SET Value='{6D2A3C1E-52C4-4C8E-9D5E-3B0A7E5D9A01}' WHERE Property='UpgradeCode'"), "UpgradeCode is the ProductCode"},
		{"another product's upgrade", sql("UPDATE Property SET Value='{6D2A3C1E-52C4-4C8E-9D5E-3B0A7E5D9A02}' WHERE Property='UpgradeCode'"), "the UpgradeCode is not the property's"},
		{"no upgrade", sql("DELETE FROM Upgrade WHERE ActionProperty='WIX_UPGRADE_DETECTED'"), "no row by which an earlier version is removed"},
		{"for one person", sql("DELETE FROM Property WHERE Property='ALLUSERS'"), `ALLUSERS is "", want 1`},
		{"condition in a sequence", sql("UPDATE InstallExecuteSequence SET Condition='((Installed AND' WHERE Action='InstallServices'"), `the condition "((Installed AND" ends too early`},
		{"condition of a component", sql("UPDATE Component SET Condition='NOT AND OR' WHERE Component='Program'"), `has "AND" in the wrong place`},
		{"condition of signs", sql("UPDATE Component SET Condition='@@@' WHERE Component='Program'"), `cannot be read from "@@@" on`},

		// Dialogs.
		{"outside the dialog", sql("UPDATE Control SET X=5000 WHERE Dialog_='AddressDialog' AND Control='Cancel'"), "Control AddressDialog/Cancel: 5000,184 and 66 by 20 units are not within the dialog"},
		{"without a width", sql("UPDATE Control SET Width=0 WHERE Dialog_='AddressDialog' AND Control='Cancel'"), "are not within the dialog"},
		{"huge dialog", sql("UPDATE Dialog SET Width=9000 WHERE Dialog='AddressDialog'"), "Dialog AddressDialog: 9000 by 216 units"},
		{"no first control", sql("UPDATE Dialog SET Control_First='Nothing' WHERE Dialog='AddressDialog'"), "Control_First names Nothing, which the dialog lacks"},
		{"not for errors", sql("UPDATE Property SET Value='FailedDialog' WHERE Property='ErrorDialog'"), "lacks ErrorText, which a dialog for errors needs"},
		{"no such control", sql("UPDATE Control SET Type='Picture' WHERE Dialog_='AddressDialog' AND Control='Logo'"), `a control of type "Picture"`},
		{"no property to edit", rows("Control", func(e *tableEditor) { e.null(e.find("AddressDialog", "Address"), "Property") }), "a Edit without a property"},
		{"no box", sql("UPDATE Control SET Property='Nothing' WHERE Dialog_='FinishDialog' AND Control='Launch'"), "which the table CheckBox lacks"},
		{"no logo", sql("UPDATE Control SET Text='Nothing' WHERE Dialog_='AddressDialog' AND Control='Logo'"), "which the table Binary lacks"},
		{"no text style", sql("UPDATE Control SET Text='{\\Nothing}Text' WHERE Dialog_='AddressDialog' AND Control='Head'"), "which the table TextStyle lacks"},
		{"no next control", sql("UPDATE Control SET Control_Next='Nothing' WHERE Dialog_='AddressDialog' AND Control='Install'"), "the order of the Tab key does not lead"},
		{"no way back", sql("UPDATE Control SET Control_Next='Install' WHERE Dialog_='AddressDialog' AND Control='Cancel'"), "the order of the Tab key does not lead"},
		{"left out", sql("UPDATE Control SET Control_Next='Cancel' WHERE Dialog_='AddressDialog' AND Control='Address'"), "the order of the Tab key does not lead"},
		{"event of nothing", sql("INSERT INTO ControlEvent (Dialog_, Control_, Event, Argument, Condition, Ordering) VALUES ('AddressDialog', 'Nothing', 'EndDialog', 'Exit', '1', 1)"), "the control is not there"},
		{"condition of nothing", sql("INSERT INTO ControlCondition (Dialog_, Control_, Action, Condition) VALUES ('AddressDialog', 'Nothing', 'Hide', '1')"), "the control is not there"},
		{"no such dialog", sql("INSERT INTO ControlEvent (Dialog_, Control_, Event, Argument, Condition, Ordering) VALUES ('AddressDialog', 'Cancel', 'NewDialog', 'Nothing', '1', 2)"), `leads to "Nothing", which is not there`},
		{"no such event", sql("INSERT INTO ControlEvent (Dialog_, Control_, Event, Argument, Condition, Ordering) VALUES ('AddressDialog', 'Cancel', 'Nothing', 'Exit', '1', 2)"), `the event Nothing leads to "Exit"`},
		{"no such end", sql("INSERT INTO ControlEvent (Dialog_, Control_, Event, Argument, Condition, Ordering) VALUES ('AddressDialog', 'Cancel', 'EndDialog', 'Nothing', '1', 2)"), `the event EndDialog leads to "Nothing"`},
		{"no such act", sql("INSERT INTO ControlEvent (Dialog_, Control_, Event, Argument, Condition, Ordering) VALUES ('AddressDialog', 'Cancel', 'DoAction', 'Nothing', '1', 2)"), `the event DoAction leads to "Nothing"`},
		{"another answer", sql("INSERT INTO ControlEvent (Dialog_, Control_, Event, Argument, Condition, Ordering) VALUES ('ErrorDialog', 'Y', 'EndDialog', 'ErrorNo', '1', 2)"), "want EndDialog with ErrorYes"},
		{"idle button", sql("DELETE FROM ControlEvent WHERE Dialog_='AddressDialog' AND Control_='Cancel'"), "Control AddressDialog/Cancel: the button does nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := Validate(bytes.NewReader(c.make(t)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Validate: %v, want %q", err, c.want)
			}
		})
	}
}

// TestValidateManyFaults: the error has a limited length and says that there is more.
func TestValidateManyFaults(t *testing.T) {
	path, _ := templateFile(t, buildSmall)
	err := Validate(bytes.NewReader(queried(t, path, "UPDATE Control SET Width=0")))
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	if last := lines[len(lines)-1]; len(lines) != maxFaults+1 || last != "… and more" {
		t.Errorf("%d lines, the last one %q", len(lines), last)
	}
}

func TestCheckCondition(t *testing.T) {
	for _, good := range []string{"", " ", "1", "Installed", "NOT Installed", "NOT NOT Installed", `UTM_PIN = "*"`, `UTM_ADDRESS ~= PresetAddress`,
		`A >< "/" OR A >< "\" OR A >< "@"`, `NOT (A >< "/" OR (B AND NOT C))`, `REMOVE ~<> "ALL"`, "VersionNT >= 602", "A=-1", "%PATH", "$Program=3",
		"?Agent = 2 XOR &Agent = 3", "A EQV B IMP C", `A << "x" AND A >> "y"`, "installed and not remove", "NOTHING", "ANDROID = 1"} {
		if err := checkCondition(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"AND", "NOT", "A AND", "A B", "(A", "A)", "()", "A = ", "= A", "A == B", `"open`, "A & B", "A || B", "A = = B", "A = B = C",
		"@", "A,B", "NOT (", "A AND OR B", `A "x"`} {
		if err := checkCondition(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// TestValidateReferences breaks each reference from one table to another.
func TestValidateReferences(t *testing.T) {
	_, good := templateFile(t, buildSmall)
	db, err := openDatabase(bytes.NewReader(good))
	if err != nil {
		t.Fatal(err)
	}
	var without []string
	for _, key := range foreignKeys {
		if table := db.tables[key.table]; table == nil || table.rows() == 0 {
			without = append(without, key.table)
			continue
		}
		broken := edited(t, good, key.table, func(e *tableEditor) { e.set(0, key.column, "Manufacturer") })
		want := ": " + key.column + " names Manufacturer, which the table " + strings.Join(key.to, " or ") + " lacks"
		if err := Validate(bytes.NewReader(broken)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: Validate: %v, want %q", key.table, err, want)
		}
	}
	if want := []string{"CreateFolder", "CreateFolder"}; !slices.Equal(without, want) {
		t.Errorf("tables without rows: %q, want %q", without, want)
	}
}

// tableEditor changes the cells of a table.
type tableEditor struct {
	*table
	t  *testing.T
	db *database
}

// edited returns a copy of an MSI with changed cells of one table. Their number must stay.
func edited(t *testing.T, msi []byte, name string, change func(*tableEditor)) []byte {
	t.Helper()
	db, err := openDatabase(bytes.NewReader(msi))
	if err != nil {
		t.Fatal(err)
	}
	e := &tableEditor{db.tables[name], t, db}
	change(e)
	var b []byte
	for i, c := range e.columns {
		size, err := c.kind.cellSize(db.pool)
		if err != nil {
			t.Fatal(err)
		}
		for row := range e.rows() {
			b = append(b, binary.LittleEndian.AppendUint32(nil, e.row(row)[i])[:size]...)
		}
	}
	s, err := db.file.open("!" + name)
	if err != nil {
		t.Fatal(err)
	}
	msi = bytes.Clone(msi)
	for _, x := range s.extents {
		copy(msi[x.at:x.at+x.size], b)
		b = b[x.size:]
	}
	return msi
}

func (e *tableEditor) find(key ...string) int {
	e.t.Helper()
	for i := range e.rows() {
		if slices.Equal((record{e.db, e.table, e.row(i)}).keyTexts(), key) {
			return i
		}
	}
	e.t.Fatalf("table %s has no row %q", e.name, key)
	return 0
}

// set puts a text of the pool into a cell.
func (e *tableEditor) set(row int, column, text string) {
	e.t.Helper()
	number, ok := e.db.pool.numbers[text]
	if !ok {
		e.t.Fatalf("the template has no text %q", text)
	}
	e.row(row)[e.column(column)] = uint32(number)
}

func (e *tableEditor) null(row int, column string) { e.row(row)[e.column(column)] = 0 }

func (e *tableEditor) swap(i, j int) {
	for at := range e.columns {
		e.row(i)[at], e.row(j)[at] = e.row(j)[at], e.row(i)[at]
	}
}

func pokeWord(b []byte, at int, word uint32) []byte {
	b = bytes.Clone(b)
	binary.LittleEndian.PutUint32(b[at:], word)
	return b
}
