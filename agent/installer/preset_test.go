package installer

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var longestHost = strings.Repeat(strings.Repeat("a", 63)+".", 3) + strings.Repeat("b", 61)

// TestPresetExport reads presets with msiinfo.
func TestPresetExport(t *testing.T) {
	template := openTemplate(t, buildLarge)
	for _, c := range []struct{ name, host, pin string }{
		{"name and pin", testHost, testPin},
		{"no pin", testHost, ""},
		{"IPv4", "192.0.2.7", testPin},
		{"IPv6", "2001:db8::1", testPin},
		{"IDN", "xn--g1ah2bza.xn--p1ai", testPin},
		{"one letter", "g", ""},
		{"longest", longestHost, testPin},
		{"a text of the template", "ideco.ico", testPin},
	} {
		t.Run(c.name, func(t *testing.T) {
			msi := makeMSI(t, template, c.host, c.pin)
			properties := exportProperties(t, saveMSI(t, msi))
			if properties["UTM_ADDRESS"] != c.host || properties["PresetAddress"] != c.host {
				t.Errorf("address %q, %q, want %q", properties["UTM_ADDRESS"], properties["PresetAddress"], c.host)
			}
			if properties["UTM_PIN"] != "*" || properties["PresetPin"] != c.pin {
				t.Errorf("pin %q, %q, want * and %q", properties["UTM_PIN"], properties["PresetPin"], c.pin)
			}
			if _, ok := properties["PresetPin"]; ok != (c.pin != "") {
				t.Errorf("has a row PresetPin: %t", ok)
			}
			if want := template.makeCode("ProductCode", c.host, c.pin); properties["ProductCode"] != want {
				t.Errorf("ProductCode %q, want %q", properties["ProductCode"], want)
			}
		})
	}
}

// TestPresetChangesNothingElse compares every table with the template's.
func TestPresetChangesNothingElse(t *testing.T) {
	path, data := templateFile(t, buildSmall)
	template, err := Open(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, host, pin string
		want            []string // removed and added rows, by table and first cell
	}{
		{"pin", testHost, testPin, []string{"Property PresetAddress", "Property PresetPad", "Property PresetPin",
			"Property ProductCode", "Property UTM_ADDRESS", "_SummaryInformation 9"}},
		{"no pin, known text", "ideco.ico", "", []string{"Property PresetAddress", "Property PresetPad", "Property PresetPin",
			"Property ProductCode", "Property UTM_ADDRESS", "_SummaryInformation 9"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			preset := saveMSI(t, makeMSI(t, template, c.host, c.pin))
			before, after := allRows(t, path), allRows(t, preset)
			var changed []string
			for row := range before {
				if !after[row] {
					changed = append(changed, firstCell(row))
				}
			}
			for row := range after {
				if !before[row] {
					changed = append(changed, firstCell(row))
				}
			}
			slices.Sort(changed)
			if diff := cmp.Diff(c.want, slices.Compact(changed)); diff != "" {
				t.Errorf("changed rows (-want +got):\n%s", diff)
			}
			if got, want := run(t, "msiinfo", "streams", preset), run(t, "msiinfo", "streams", path); got != want {
				t.Errorf("streams %q, want %q", got, want)
			}
		})
	}
}

// allRows returns every row of every table as "table row".
func allRows(t *testing.T, msi string) map[string]bool {
	t.Helper()
	rows := map[string]bool{}
	for table := range strings.FieldsSeq(run(t, "msiinfo", "tables", msi)) {
		if table == "_ForceCodepage" {
			continue // not rows but a number
		}
		for _, row := range exportRows(t, msi, table) {
			rows[table+" "+row] = true
		}
	}
	return rows
}

func firstCell(row string) string {
	cell, _, _ := strings.Cut(row, "\t")
	return cell
}

// TestPresetExtract extracts the programs. Both have the same name, so the last one in the cabinet remains.
func TestPresetExtract(t *testing.T) {
	for name, build := range map[string]func() (string, error){"small": buildSmall, "large": buildLarge} {
		t.Run(name, func(t *testing.T) {
			path, _ := templateFile(t, build)
			preset := saveMSI(t, makeMSI(t, openTemplate(t, build), longestHost, testPin))
			if run(t, "msiinfo", "extract", preset, "agent.cab") != run(t, "msiinfo", "extract", path, "agent.cab") {
				t.Error("the cabinet differs")
			}
			dir := t.TempDir()
			run(t, "msiextract", "-C", dir, preset)
			found, err := filepath.Glob(filepath.Join(dir, "*", "Agent", "IdecoAgent.exe"))
			if err != nil || len(found) != 1 {
				t.Fatalf("extracted %q, %v", found, err)
			}
			got, err := os.ReadFile(found[0])
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(programs(name)[1])
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Error("the program differs")
			}
		})
	}
}

// TestPresetCodes: the same address, pin and template give the same codes, and others give others.
func TestPresetCodes(t *testing.T) {
	small, large := openTemplate(t, buildSmall), openTemplate(t, buildLarge)
	first := makeMSI(t, small, testHost, testPin)
	again := makeMSI(t, small, testHost, testPin)
	if !bytes.Equal(content(t, first), content(t, again)) || first.ETag() != again.ETag() {
		t.Error("two presets of one address differ")
	}
	seen := map[string]string{}
	for name, msi := range map[string]*MSI{
		"first":          first,
		"other address":  makeMSI(t, small, "gw2.example.com", testPin),
		"other pin":      makeMSI(t, small, testHost, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
		"no pin":         makeMSI(t, small, testHost, ""),
		"other template": makeMSI(t, large, testHost, testPin),
	} {
		path := saveMSI(t, msi)
		product, pack := exportProperties(t, path)["ProductCode"], packageCode(t, path)
		if product == pack {
			t.Errorf("%s: ProductCode and PackageCode are the same", name)
		}
		for _, code := range []string{product, pack, msi.ETag()} {
			if !isCode(code) && code != msi.ETag() || strings.ToUpper(code) != code && code != msi.ETag() {
				t.Errorf("%s: code %q", name, code)
			}
			if other := seen[code]; other != "" {
				t.Errorf("%s and %s share %s", name, other, code)
			}
			seen[code] = name
		}
	}
}

// packageCode returns the PackageCode as msiinfo reads it.
func packageCode(t *testing.T, msi string) string {
	t.Helper()
	for line := range strings.Lines(run(t, "msiinfo", "suminfo", msi)) {
		if code, ok := strings.CutPrefix(line, "Revision number (UUID): "); ok {
			return strings.TrimSpace(code)
		}
	}
	t.Fatal("msiinfo suminfo has no package code")
	return ""
}

// TestPresetUses: the pool has the right number of uses of each text, on which editors and transforms rely.
func TestPresetUses(t *testing.T) {
	template := openTemplate(t, buildSmall)
	for _, c := range [][2]string{{testHost, testPin}, {testHost, ""}, {"ideco.ico", ""}} {
		file, pool := parsed(t, content(t, makeMSI(t, template, c[0], c[1])))
		said := slices.Clone(pool.records)
		tables, err := readTables(file, pool)
		if err != nil {
			t.Fatal(err)
		}
		if err := fixUses(tables, pool); err != nil {
			t.Fatal(err)
		}
		for i, r := range pool.records {
			if r.uses != said[i].uses {
				t.Errorf("%s: text %q is used %d times, the pool says %d", c, r.text, r.uses, said[i].uses)
			}
		}
	}
}

// TestPresetShorterTable removes so many bytes of the table Property that its last mini sector becomes free.
func TestPresetShorterTable(t *testing.T) {
	path, data := templateFile(t, buildSmall)
	template, err := Open(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for template.streams.property.size%miniSectorSize == 0 || template.streams.property.size%miniSectorSize > 4 {
		data = queried(t, path, "INSERT INTO Property (Property, Value) VALUES ('Extra"+string(rune('A'+len(template.rows)))+"', 'x')")
		if path = filepath.Join(t.TempDir(), "longer.msi"); os.WriteFile(path, data, 0o644) != nil {
			t.Fatal("write the longer template")
		}
		if template, err = Open(bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
	}
	msi := makeMSI(t, template, testHost, "")
	properties := exportProperties(t, saveMSI(t, msi))
	if properties["UTM_ADDRESS"] != testHost || len(properties) != len(template.rows)-1 {
		t.Errorf("properties %q", properties)
	}
	file, _ := parsed(t, content(t, msi))
	s, err := file.open("!Property")
	if err != nil {
		t.Fatal(err)
	}
	if want := len(template.streams.property.sectors) - 1; len(s.sectors) != want {
		t.Errorf("%d mini sectors, want %d", len(s.sectors), want)
	}
}

func TestPresetRefuses(t *testing.T) {
	template := openTemplate(t, buildSmall)
	for _, host := range []string{"", " ", "gw.example.com:14765", "https://gw.example.com", "gw example", "GW.example.com",
		"шлюз.рф", "gw.example.com.", "[2001:db8::1]", "fe80::1%eth0", "0.0.0.0", "10.0.0.300", "-", "a_b.example.com",
		"gw.example.com\x00", "gw.example.com\r\n", longestHost + "b", "gw/agent", "[UTM_PIN]"} {
		if _, err := template.Preset(host, ""); err == nil {
			t.Errorf("Preset accepted the host %q", host)
		}
	}
	for _, pin := range []string{" ", "=", "pin", testPin[:43], testPin + "=", testPin + "\n", "\n" + testPin[1:], strings.Repeat("A", 44),
		"LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=", strings.Replace(testPin, "CQ=", "CR=", 1)} {
		if _, err := template.Preset(testHost, pin); err == nil {
			t.Errorf("Preset accepted the pin %q", pin)
		}
	}
}

// parsed returns the compound file and the string pool of an MSI, unchecked.
func parsed(tb testing.TB, msi []byte) (*compound, *stringPool) {
	tb.Helper()
	file, err := openCompound(bytes.NewReader(msi))
	if err != nil {
		tb.Fatal(err)
	}
	pool, err := file.open("!_StringPool")
	if err != nil {
		tb.Fatal(err)
	}
	texts, err := file.open("!_StringData")
	if err != nil {
		tb.Fatal(err)
	}
	records, err := file.read(pool)
	if err != nil {
		tb.Fatal(err)
	}
	data, err := file.read(texts)
	if err != nil {
		tb.Fatal(err)
	}
	p, err := parsePool(records, data)
	if err != nil {
		tb.Fatal(err)
	}
	return file, p
}
