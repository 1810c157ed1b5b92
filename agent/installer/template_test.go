package installer

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestTemplateTables checks rows that Windows Installer needs.
func TestTemplateTables(t *testing.T) {
	path, _ := templateFile(t, buildSmall)
	for table, want := range map[string][]string{
		"Property": {
			"ProductName\tАйдеко Агент", "ProductVersion\t1.2.3", "ProductLanguage\t1033", "ALLUSERS\t1", "REBOOT\tReallySuppress", "ARPPRODUCTICON\tideco.ico",
			"SecureCustomProperties\tUTM_ADDRESS;UTM_PIN;WIX_UPGRADE_DETECTED;WIX_DOWNGRADE_DETECTED",
			"DefaultUIFont\tTextFont", "ErrorDialog\tErrorDialog", "LAUNCH_AGENT\t1",
		},
		"Upgrade": {"{B8F1E4C6-0D0B-4D0B-8B7E-7D1E7B9F5C02}\t\t1.2.3\t\t513\t\tWIX_UPGRADE_DETECTED"},
		"LaunchCondition": {
			"Installed OR VersionNT >= 602\tДля программы «Айдеко Агент» нужна Windows 8 или новее.",
			"NOT WIX_DOWNGRADE_DETECTED\tНа этом компьютере уже есть более новая версия программы «Айдеко Агент». Чтобы установить эту, сначала удалите её.",
		},
		"Directory": {
			"IdecoFolder\tProgramFiles64Folder\tIdeco", "InstallDir\tIdecoFolder\tAgent", "ServiceDir\tInstallDir\tservice",
			"ProgramMenuFolder\tTARGETDIR\t.",
		},
		"RemoveFile": {
			"RemoveServiceFiles\tGateway\t*\tRemovedServiceDir\t2", "RemoveServiceDevice\tGateway\tdevice\tRemovedServiceDir\t2",
			"RemoveServiceTrust\tGateway\ttrust\tRemovedServiceDir\t2",
			"RemoveServiceLog\tGateway\tservice.log\tRemovedServiceDir\t2",
			"RemoveServiceFolder\tGateway\t\tRemovedServiceDir\t2",
			"RemoveAgentFolder\tGateway\t\tInstallDir\t2", "RemoveIdecoFolder\tGateway\t\tIdecoFolder\t2",
		},
		"File": {
			"IdecoAgent.exe\tProgram\tIDECOA~1.EXE|IdecoAgent.exe\t20000\t\t\t512\t1",
			"IdecoAgentWin8.exe\tProgramWin8\tIDECOA~1.EXE|IdecoAgent.exe\t20000\t\t\t512\t2",
		},
		"Component": {
			"Program\t{9B0E5D3A-2C41-4F7B-8D6A-51E0C7A3F104}\tInstallDir\t320\tWINDOWS_MAJOR AND WINDOWS_MAJOR <> \"#6\"\tIdecoAgent.exe",
			"ProgramWin8\t{4D71F0B6-8E2A-4C93-B5D8-06C9E3A17F42}\tInstallDir\t320\tNOT WINDOWS_MAJOR OR WINDOWS_MAJOR = \"#6\"\tIdecoAgentWin8.exe",
		},
		"ServiceInstall": {
			"Service\tIdecoAgent\tАйдеко Агент\t16\t2\t32769\t\t\tLocalSystem\t\tservice\tProgram\tСоединяет этот компьютер с сетью организации через шлюз.",
			"ServiceWin8\tIdecoAgent\tАйдеко Агент\t16\t2\t32769\t\t\tLocalSystem\t\tservice\tProgramWin8\tСоединяет этот компьютер с сетью организации через шлюз.",
		},
		"ServiceControl": { // 1 = start at an installation, 162 = stop at both and delete at a removal; the stop is waited for
			"StartService\tIdecoAgent\t1\t\t0\tProgram", "StopService\tIdecoAgent\t162\t\t1\tProgram",
			"StartServiceWin8\tIdecoAgent\t1\t\t0\tProgramWin8", "StopServiceWin8\tIdecoAgent\t162\t\t1\tProgramWin8",
		},
		"Shortcut": {"StartMenu\tProgramMenuFolder\tIDECOA~1|Айдеко Агент\tWindow\t[InstallDir]IdecoAgent.exe\t\t" +
			"Доступ в интернет и к сети организации через шлюз\t\t\t\t\tInstallDir\t\t\t\t"},
		"AppSearch":  {"WINDOWS_MAJOR\tWindowsMajor"},
		"RegLocator": {"WindowsMajor\t2\tSOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\tCurrentMajorVersionNumber\t18"},
		"CustomAction": {
			"DropPin\t51\tUTM_PIN\t[Nothing]\t", "PinOfPreset\t51\tUTM_PIN\t[PresetPin]\t", "RemoveServiceFiles\t51\tRemovedServiceDir\t[ServiceDir]\t",
			"LaunchAgent\t226\tInstallDir\t\"[InstallDir]IdecoAgent.exe\"\t",
		},
		"InstallExecuteSequence": {
			"RemoveExistingProducts\t\t1501", "StopServices\tVersionNT\t1510", "DeleteServices\tVersionNT AND NOT UPGRADINGPRODUCTCODE\t1520",
			"AppSearch\t\t50", "KeepAddress\tINSTALLED_ADDRESS AND (Installed OR (PresetAddress = \"?\" AND (NOT UTM_ADDRESS OR UTM_ADDRESS = \"?\")))\t56",
			"RemoveServiceFiles\tREMOVE ~= \"ALL\" AND NOT UPGRADINGPRODUCTCODE\t1001",
		},
		"TextStyle": {"TextFont\tSegoe UI\t9\t\t"},
	} {
		rows := exportRows(t, path, table)
		for _, row := range want {
			if !slices.Contains(rows, row) {
				t.Errorf("table %s lacks %q, has\n%s", table, row, strings.Join(rows, "\n"))
			}
		}
	}
	if got := run(t, "msiinfo", "export", path, "_ForceCodepage"); !strings.Contains(got, "1251") {
		t.Errorf("code page %q, want 1251", got)
	}
	if got := run(t, "msiinfo", "suminfo", path); !strings.Contains(got, "Template: x64;1033") {
		t.Errorf("summary %q, want platform x64 and language 1033", got)
	}
	registry := strings.Join(exportRows(t, path, "Registry"), "\n")
	for _, want := range []string{
		"\t2\tSYSTEM\\CurrentControlSet\\Services\\Dnscache\\Parameters\\DnsPolicyConfig\\{8A3E1F60-5C0B-4B7E-9D52-1F6C3A7B14F1}\t-\t\tGateway",
		"\t2\tSOFTWARE\\Policies\\Microsoft\\Windows NT\\DNSClient\\DnsPolicyConfig\\{8A3E1F60-5C0B-4B7E-9D52-1F6C3A7B14F1}\t-\t\tGateway",
		"\t2\tSoftware\\Ideco\\Agent\tUtmAddress\t[UTM_ADDRESS]\tGateway", "\t2\tSoftware\\Ideco\\Agent\tUtmPin\t[UTM_PIN]\tGateway",
		"\t2\tSoftware\\Microsoft\\Windows\\CurrentVersion\\Run\tIdecoAgent\t\"[InstallDir]IdecoAgent.exe\" --hidden\tWindow"} {
		if !strings.Contains(registry, want) {
			t.Errorf("table Registry lacks %q, has\n%s", want, registry)
		}
	}
}

// TestTemplateSequences: actions that trust properties run only in the privileged sequence, and only the dialogs start the program.
func TestTemplateSequences(t *testing.T) {
	path, _ := templateFile(t, buildSmall)
	for table, forbidden := range map[string][]string{
		"InstallUISequence":      {"AppSearch", "KeepPin", "KeepAddress"},
		"InstallExecuteSequence": {"LaunchAgent"},
		"AdminUISequence":        {"LaunchAgent", "AddressDialog"},
	} {
		for _, row := range exportRows(t, path, table) {
			if action, _, _ := strings.Cut(row, "\t"); slices.Contains(forbidden, action) {
				t.Errorf("%s has %s", table, row)
			}
		}
	}
	// The actions that choose the gateway run in this order, after AppSearch.
	var order []string
	at := map[string]string{}
	for _, row := range exportRows(t, path, "InstallExecuteSequence") {
		cells := strings.Split(row, "\t")
		at[cells[len(cells)-1]] = cells[0]
	}
	for _, number := range []string{"50", "51", "52", "53", "54", "55", "56", "57", "58"} {
		order = append(order, at[number])
	}
	if want := []string{"AppSearch", "ForgetPin", "AddressOfPreset", "PinOfPreset", "DropPin", "KeepPin", "KeepAddress", "DropNoPin", "DropAddress"}; !slices.Equal(order, want) {
		t.Errorf("order %q, want %q", order, want)
	}
}

// TestTemplateDialogs: dialogs and controls that are referred to exist, every button has an event, and the titles are Russian.
func TestTemplateDialogs(t *testing.T) {
	path, _ := templateFile(t, buildSmall)
	cells := func(table string) [][]string {
		var rows [][]string
		for _, row := range exportRows(t, path, table) {
			rows = append(rows, strings.Split(row, "\t"))
		}
		return rows
	}
	dialogs, controls, hasEvent := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, c := range cells("Control") {
		controls[c[0]+"."+c[1]] = true
	}
	for _, c := range cells("ControlEvent") {
		hasEvent[c[0]+"."+c[1]] = true
		if !controls[c[0]+"."+c[1]] {
			t.Errorf("an event of %s.%s, which is missing", c[0], c[1])
		}
	}
	for _, c := range cells("Dialog") {
		dialogs[c[0]] = true
		if c[6] != "Установка Айдеко Агент" {
			t.Errorf("%s has the title %q", c[0], c[6])
		}
		for _, control := range c[7:] {
			if control != "" && !controls[c[0]+"."+control] {
				t.Errorf("%s has no %s", c[0], control)
			}
		}
	}
	for _, c := range cells("Control") {
		if !dialogs[c[0]] {
			t.Errorf("%s.%s is on no dialog", c[0], c[1])
		}
		if c[2] == "PushButton" && !hasEvent[c[0]+"."+c[1]] {
			t.Errorf("%s.%s does nothing", c[0], c[1])
		}
		if next := c[10]; next != "" && !controls[c[0]+"."+next] {
			t.Errorf("%s.%s leads to %s, which is missing", c[0], c[1], next)
		}
	}
	for _, c := range slices.Concat(cells("ControlCondition"), cells("EventMapping")) {
		if !controls[c[0]+"."+c[1]] {
			t.Errorf("%s.%s is missing", c[0], c[1])
		}
	}
	for _, c := range cells("InstallUISequence") {
		if strings.HasSuffix(c[0], "Dialog") && !dialogs[c[0]] {
			t.Errorf("the dialog %s is missing", c[0])
		}
	}
	for _, want := range []string{
		"AddressDialog\tAddress\tEdit\t20\t86\t330\t17\t7\tUTM_ADDRESS\t{260}\tInstall\t",
		"AddressDialog\tHelp\tText\t20\t107\t330\t12\t196611\t\tАдрес шлюза, например gw.company.ru. Его знает ваш администратор.\t\t",
	} {
		if !slices.Contains(exportRows(t, path, "Control"), want) {
			t.Errorf("table Control lacks %q", want)
		}
	}
	const launch = "FinishDialog\tFinish\tDoAction\tLaunchAgent\tLAUNCH_AGENT = \"1\" AND NOT Installed AND UILevel = 5\t1"
	if !slices.Contains(exportRows(t, path, "ControlEvent"), launch) {
		t.Errorf("table ControlEvent lacks %q", launch)
	}
	const ask = "AddressDialog\tNOT Installed AND NOT UTM_ADDRESS\t1240"
	if !slices.Contains(exportRows(t, path, "InstallUISequence"), ask) {
		t.Errorf("table InstallUISequence lacks %q", ask)
	}
}

// TestTemplateWintun: Wintun returns the version of the VPN driver in the template, which then has its licence too.
func TestTemplateWintun(t *testing.T) {
	if got := openTemplate(t, buildSmall).Wintun(); got != "" {
		t.Errorf("without a driver: %q", got)
	}
	driver := filepath.Join(t.TempDir(), "driver")
	if err := os.WriteFile(driver, []byte("driver"), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "wintun.msi")
	run(t, script(), append(programs("small"), out, "1.2.3", driver)...)
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	template, err := Open(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if got := template.Wintun(); got != "0.14.1" {
		t.Errorf("with a driver: %q", got)
	}
	files := strings.Join(exportRows(t, out, "File"), "\n")
	for _, name := range []string{"wintun.dll\tWintun\twintun.dll\t6\t", "\tWintun\tWINTUN~1.TXT|wintun-LICENSE.txt\t"} {
		if !strings.Contains(files, name) {
			t.Errorf("table File lacks %q, has\n%s", name, files)
		}
	}
	saveMSI(t, makeMSI(t, template, testHost, testPin))
}

// TestTemplateReproducible: the same programs with other times give the same template.
func TestTemplateReproducible(t *testing.T) {
	_, want := templateFile(t, buildSmall)
	out := filepath.Join(t.TempDir(), "again.msi")
	for _, exe := range programs("small") {
		if err := os.Chtimes(exe, time.Time{}, time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)); err != nil {
			t.Fatal(err)
		}
	}
	run(t, script(), append(programs("small"), out, "1.2.3")...)
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the template differs")
	}
}

// TestOpenBad: Open says what is wrong with a template.
func TestOpenBad(t *testing.T) {
	path, good := templateFile(t, buildSmall)
	query := func(sql ...string) func() []byte {
		return func() []byte { return queried(t, path, sql...) }
	}
	replace := func(from, to string) func() []byte {
		return func() []byte {
			if !bytes.Contains(good, []byte(from)) {
				t.Fatalf("the template has no %q", from)
			}
			return bytes.ReplaceAll(good, []byte(from), []byte(to))
		}
	}
	bytesOf := func(b []byte) func() []byte { return func() []byte { return b } }
	for _, c := range []struct {
		name string
		make func() []byte
		want string
	}{
		{"empty", bytesOf(nil), "not a compound file"},
		{"text", bytesOf(bytes.Repeat([]byte("IdecoAgent "), 100)), "not a compound file"},
		{"header alone", bytesOf(good[:512]), "outside the file"},
		{"cut off", bytesOf(good[:len(good)/2]), "outside the file"},
		{"other version", bytesOf(poke(good, 26, 4)), "version 4"},
		{"cyclic chain", bytesOf(cyclic(good)), "is a cycle"},
		{"no pool", bytesOf(renamed(t, good, "!_StringPool")), `lacks the stream "!_StringPool"`},
		{"no table", bytesOf(renamed(t, good, "!Property")), `lacks the stream "!Property"`},
		{"no columns", bytesOf(renamed(t, good, "!_Columns")), `lacks the stream "!_Columns"`},
		{"no summary", bytesOf(renamed(t, good, summaryName)), `lacks the stream "\x05SummaryInformation"`},
		{"no address", replace("UTM_ADDRESS", "ZTM_ADDRESS"), "lacks UTM_ADDRESS"},
		{"no pin", query("DELETE FROM Property WHERE Property='UTM_PIN'"), "lacks UTM_PIN"},
		{"no preset pin", query("DELETE FROM Property WHERE Property='PresetPin'"), "lacks PresetPin"},
		{"no copy", query("DELETE FROM Property WHERE Property='PresetAddress'"), "lacks PresetAddress"},
		{"no pad", query("DELETE FROM Property WHERE Property='PresetPad'"), "lacks PresetPad"},
		{"not secure", query("UPDATE Property SET Value='UTM_ADDRESS;WIX_UPGRADE_DETECTED;WIX_DOWNGRADE_DETECTED' WHERE Property='SecureCustomProperties'"), "UTM_PIN is not among the SecureCustomProperties"},
		{"no product code", query("DELETE FROM Property WHERE Property='ProductCode'"), "lacks ProductCode"},
		{"copy differs", query("UPDATE Property SET Value='gw' WHERE Property='UTM_ADDRESS'"), "UTM_ADDRESS and PresetAddress differ"},
		{"shared text", query("UPDATE LaunchCondition SET Description='?' WHERE Condition='NOT WIX_DOWNGRADE_DETECTED'"), "UTM_ADDRESS is used 3 times"},
		{"shared pin", query("UPDATE LaunchCondition SET Description='=' WHERE Condition='NOT WIX_DOWNGRADE_DETECTED'"), "PresetPin is used 2 times"},
		{"shared code", query("UPDATE LaunchCondition SET Description='{6D2A3C1E-52C4-4C8E-9D5E-3B0A7E5D9A01}' WHERE Condition='NOT WIX_DOWNGRADE_DETECTED'"), "ProductCode is used 2 times"},
		{"odd code", query("UPDATE Property SET Value='{1}' WHERE Property='ProductCode'"), "ProductCode is not a code"},
		{"odd package code", replace("{C3D7E5A8-1B6A-4B0E-A9C8-2F4D6E8A0B03}", "(C3D7E5A8-1B6A-4B0E-A9C8-2F4D6E8A0B03)"), "PackageCode is not a code"},
		{"short pad", query("UPDATE Property SET Value='......' WHERE Property='PresetPad'"), "room for 8 characters"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Open(bytes.NewReader(c.make()))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Open: %v, want %q", err, c.want)
			}
		})
	}
}

// queried returns a copy of an MSI that SQL has changed.
func queried(t *testing.T, msi string, sql ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "changed.msi")
	data, err := os.ReadFile(msi)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, q := range sql {
		if out, err := exec.Command("msibuild", path, "-q", q).CombinedOutput(); err != nil {
			t.Fatalf("msibuild -q %q: %v\n%s", q, err, out)
		}
	}
	if data, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return data
}

func poke(b []byte, at int, value byte) []byte {
	b = bytes.Clone(b)
	b[at] = value
	return b
}

// renamed returns the MSI with another name of a stream.
func renamed(t *testing.T, msi []byte, stream string) []byte {
	t.Helper()
	file, _ := parsed(t, msi)
	e, ok := file.streams[stream]
	if !ok {
		t.Fatalf("the template has no stream %q", stream)
	}
	return poke(msi, int(e.at), 'x')
}

// cyclic makes the directory's first sector its own successor.
func cyclic(b []byte) []byte {
	b = bytes.Clone(b)
	first := u32(b, 48)
	fat := sectorAt(u32(b, 76))
	copy(b[fat+4*int64(first):], b[48:52])
	return b
}
