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

// TestTemplateTables looks at what the template tells Windows Installer.
func TestTemplateTables(t *testing.T) {
	path, _ := templateFile(t, buildSmall)
	for table, want := range map[string][]string{
		"Property": {
			"ProductName\tАйдеко Агент", "ProductVersion\t1.2.3", "ALLUSERS\t1", "ARPPRODUCTICON\tideco.ico",
			"SecureCustomProperties\tUTM_ADDRESS;UTM_PIN;INSTALLED_ADDRESS;INSTALLED_PIN;WINDOWS_MAJOR;WIX_UPGRADE_DETECTED;WIX_DOWNGRADE_DETECTED",
		},
		"Upgrade": {"{B8F1E4C6-0D0B-4D0B-8B7E-7D1E7B9F5C02}\t\t1.2.3\t\t513\t\tWIX_UPGRADE_DETECTED"},
		"LaunchCondition": {
			"Installed OR VersionNT >= 602\tДля программы «Айдеко Агент» нужна Windows 8 или новее.",
			"Installed OR VersionNT64\tДля программы «Айдеко Агент» нужна 64-разрядная Windows (x64).",
			"NOT WIX_DOWNGRADE_DETECTED\tНа этом компьютере уже есть более новая версия программы «Айдеко Агент». Чтобы установить эту, сначала удалите её.",
		},
		"Directory": {"IdecoFolder\tProgramFiles64Folder\tIdeco", "INSTALLDIR\tIdecoFolder\tAgent"},
		"RemoveFile": {
			"RemoveAgentFolder\tProgram\t\tINSTALLDIR\t2", "RemoveAgentFolderWin8\tProgramWin8\t\tINSTALLDIR\t2",
			"RemoveIdecoFolder\tGateway\t\tIdecoFolder\t2",
		},
		"File": {
			"IdecoAgent.exe\tProgram\tIdecoAgent.exe\t20000\t\t\t512\t1",
			"IdecoAgentWin8.exe\tProgramWin8\tIdecoAgent.exe\t20000\t\t\t512\t2",
		},
		"Component": {
			"Program\t{9B0E5D3A-2C41-4F7B-8D6A-51E0C7A3F104}\tINSTALLDIR\t256\tWINDOWS_MAJOR AND WINDOWS_MAJOR <> \"#6\"\tIdecoAgent.exe",
			"ProgramWin8\t{4D71F0B6-8E2A-4C93-B5D8-06C9E3A17F42}\tINSTALLDIR\t256\tNOT WINDOWS_MAJOR OR WINDOWS_MAJOR = \"#6\"\tIdecoAgentWin8.exe",
		},
		"AppSearch":    {"WINDOWS_MAJOR\tWindowsMajor"},
		"RegLocator":   {"WindowsMajor\t2\tSOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\tCurrentMajorVersionNumber\t18"},
		"CustomAction": {"DropPin\t51\tUTM_PIN\t[Nothing]\t"},
	} {
		rows := exportRows(t, path, table)
		for _, row := range want {
			if !slices.Contains(rows, row) {
				t.Errorf("table %s lacks %q, has\n%s", table, row, strings.Join(rows, "\n"))
			}
		}
	}
	if got := run(t, "msiinfo", "export", path, "_ForceCodepage"); !strings.Contains(got, "65001") {
		t.Errorf("code page %q, want UTF-8", got)
	}
	registry := strings.Join(exportRows(t, path, "Registry"), "\n")
	for _, want := range []string{"\t2\tSoftware\\Ideco\\Agent\tUtmAddress\t[UTM_ADDRESS]\tGateway", "\t2\tSoftware\\Ideco\\Agent\tUtmPin\t[UTM_PIN]\tGateway"} {
		if !strings.Contains(registry, want) {
			t.Errorf("table Registry lacks %q, has\n%s", want, registry)
		}
	}
}

// TestTemplateReproducible builds the template again from programs with another time.
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
		t.Error("the same programs gave another template")
	}
}

// TestOpenBad opens templates that lack something.
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
		{"chain in a circle", bytesOf(circle(good)), "in a circle"},
		{"no pool", bytesOf(renamed(t, good, "!_StringPool")), `lacks the stream "!_StringPool"`},
		{"no table", bytesOf(renamed(t, good, "!Property")), `lacks the stream "!Property"`},
		{"no columns", bytesOf(renamed(t, good, "!_Columns")), `lacks the stream "!_Columns"`},
		{"no summary", bytesOf(renamed(t, good, summaryName)), `lacks the stream "\x05SummaryInformation"`},
		{"no address", replace("UTM_ADDRESS", "ZTM_ADDRESS"), "lacks UTM_ADDRESS"},
		{"no pin", query("DELETE FROM Property WHERE Property='UTM_PIN'"), "lacks UTM_PIN"},
		{"no copy", query("DELETE FROM Property WHERE Property='PresetAddress'"), "lacks PresetAddress"},
		{"no pad", query("DELETE FROM Property WHERE Property='PresetPad'"), "lacks PresetPad"},
		{"no product code", query("DELETE FROM Property WHERE Property='ProductCode'"), "lacks ProductCode"},
		{"copy differs", query("UPDATE Property SET Value='gw' WHERE Property='UTM_ADDRESS'"), "UTM_ADDRESS and PresetAddress differ"},
		{"shared text", query("UPDATE LaunchCondition SET Description='-' WHERE Condition='NOT WIX_DOWNGRADE_DETECTED'"), "UTM_ADDRESS is used 3 times"},
		{"shared code", query("UPDATE LaunchCondition SET Description='{6D2A3C1E-52C4-4C8E-9D5E-3B0A7E5D9A01}' WHERE Condition='NOT WIX_DOWNGRADE_DETECTED'"), "ProductCode is used 2 times"},
		{"odd code", query("UPDATE Property SET Value='{1}' WHERE Property='ProductCode'"), "ProductCode is not a code"},
		{"odd package code", replace("{C3D7E5A8-1B6A-4B0E-A9C8-2F4D6E8A0B03}", "(C3D7E5A8-1B6A-4B0E-A9C8-2F4D6E8A0B03)"), "PackageCode is not a code"},
		{"short pad", query("UPDATE Property SET Value='......' WHERE Property='PresetPad'"), "room for 8 characters"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Open(c.make())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Open: %v, want %q", err, c.want)
			}
		})
	}
}

// queried is a copy of an MSI after some SQL.
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

// renamed gives a stream another name.
func renamed(t *testing.T, msi []byte, stream string) []byte {
	t.Helper()
	file, _ := parsed(t, msi)
	e, ok := file.streams[stream]
	if !ok {
		t.Fatalf("the template has no stream %q", stream)
	}
	return poke(msi, int(e.at), 'x')
}

// circle lets the directory's first sector follow itself.
func circle(b []byte) []byte {
	b = bytes.Clone(b)
	first := u32(b, 48)
	fat := sectorAt(u32(b, 76))
	copy(b[fat+4*int64(first):], b[48:52])
	return b
}
