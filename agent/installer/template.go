package installer

import (
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// The rows of the table Property that a preset changes. A command line can set public properties (upper case) only, so
// the installer compares UTM_ADDRESS with PresetAddress to find out whether the command line gave an address.
const (
	propAddress       = "UTM_ADDRESS"
	propAddressPreset = "PresetAddress"
	propPin           = "UTM_PIN" // not changed: only a command line sets it
	propPinPreset     = "PresetPin"
	propPad           = "PresetPad"
	propCode          = "ProductCode"
)

// propWintun is a row of templates with the VPN driver only.
const propWintun = "WintunVersion"

const (
	maxHost = 253
	pinSize = 44 // SHA-256 in base64
	minPad  = 16 // longer than any other text of dots, because the pool has each text once
	maxPad  = 60000

	codeLength = 38 // a UUID in upper case with braces
)

// Template is a checked template. It never changes and may be used concurrently.
type Template struct {
	*database
	source  File
	digest  [sha256.Size]byte
	rows    []propertyRow
	byKey   map[string]int // index in rows
	streams struct{ pool, strings, property, summary *stream }
	code    int64 // offset of the PackageCode in the summary
}

// Open parses a template, which must not be changed afterwards. It checks that Preset can change it; whether Windows Installer can
// read it, Validate checks when the template is built. The error says what is wrong with the template.
func Open(template File) (*Template, error) {
	t := &Template{source: template}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(template, 0, template.Size())); err != nil {
		return nil, fmt.Errorf("installer template: %w", err)
	}
	t.digest = [sha256.Size]byte(sum.Sum(nil))
	for _, step := range []func() error{t.openDatabase, t.openStreams, t.readProperties, t.checkProperties, t.readSummary} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("installer template: %w", err)
		}
	}
	return t, nil
}

// Size returns the length of every installer that Preset makes of the template.
func (t *Template) Size() int64 { return t.source.Size() }

// Version returns the version of the program in the template.
func (t *Template) Version() string { return t.value("ProductVersion") }

// Wintun returns the version of the VPN driver in the template, or "" if it has none: then the agent has no VPN.
func (t *Template) Wintun() string {
	if _, ok := t.byKey[propWintun]; !ok {
		return ""
	}
	return t.value(propWintun)
}

func (t *Template) openDatabase() (err error) {
	t.database, err = openDatabase(t.source)
	return err
}

func (t *Template) openStreams() (err error) {
	for _, s := range []struct {
		name string
		to   **stream
	}{
		{"!_StringPool", &t.streams.pool},
		{"!_StringData", &t.streams.strings},
		{"!Property", &t.streams.property},
		{summaryName, &t.streams.summary},
	} {
		if *s.to, err = t.file.open(s.name); err != nil {
			return err
		}
	}
	if t.streams.property.size >= miniCutoff {
		return fmt.Errorf("table Property of %d bytes, want less than %d", t.streams.property.size, miniCutoff)
	}
	return nil
}

func (t *Template) readProperties() (err error) {
	if t.rows, err = propertyRows(t.tables, t.pool); err != nil {
		return err
	}
	t.byKey = make(map[string]int, len(t.rows))
	for i, r := range t.rows {
		key := t.pool.text(r.key)
		if _, ok := t.byKey[key]; ok {
			return fmt.Errorf("has two rows %s", key)
		}
		t.byKey[key] = i
	}
	return nil
}

// checkProperties checks that no other row uses the texts that a preset changes.
func (t *Template) checkProperties() error {
	for _, name := range []string{propAddress, propAddressPreset, propPin, propPinPreset, propPad, propCode, "SecureCustomProperties"} {
		if _, ok := t.byKey[name]; !ok {
			return fmt.Errorf("lacks %s", name)
		}
	}
	secure := strings.Split(t.value("SecureCustomProperties"), ";")
	for _, name := range []string{propAddress, propPin} {
		if !slices.Contains(secure, name) {
			return fmt.Errorf("%s is not among the SecureCustomProperties: a typed value would be lost", name)
		}
	}
	address := t.row(propAddress).value
	if address != t.row(propAddressPreset).value {
		return fmt.Errorf("%s and %s differ", propAddress, propAddressPreset)
	}
	if uses := t.pool.records[address].uses; uses != 2 {
		return fmt.Errorf("the text of %s is used %d times, want 2", propAddress, uses)
	}
	for _, name := range []string{propPinPreset, propPad, propCode} {
		if uses := t.pool.records[t.row(name).value].uses; uses != 1 {
			return fmt.Errorf("the text of %s is used %d times, want once", name, uses)
		}
	}
	if !isCode(t.value(propCode)) {
		return fmt.Errorf("%s is not a code of %d characters", propCode, codeLength)
	}
	room := len(t.value(propAddress)) + len(t.value(propPinPreset)) + len(t.value(propPad))
	if room < maxHost+pinSize+minPad || room > maxPad {
		return fmt.Errorf("%s leaves room for %d characters, want %d to %d", propPad, room, maxHost+pinSize+minPad, maxPad)
	}
	return nil
}

func (t *Template) readSummary() error {
	b, err := t.file.read(t.streams.summary)
	if err != nil {
		return err
	}
	s, err := parseSummary(b)
	t.code = s.packageCodeAt
	return err
}

func (t *Template) row(name string) propertyRow { return t.rows[t.byKey[name]] }
func (t *Template) value(name string) string    { return t.pool.text(t.row(name).value) }

func isCode(s string) bool {
	return len(s) == codeLength && s[0] == '{' && s[codeLength-1] == '}' && uuid.Validate(s) == nil
}
