package installer

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// admx and adml are the parts of the two kinds of files that the tests check.
type admx struct {
	XMLName    xml.Name  `xml:"http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions policyDefinitions"`
	Resources  *struct{} `xml:"resources"`
	Supported  []named   `xml:"supportedOn>definitions>definition"`
	Categories []named   `xml:"categories>category"`
	Policies   []struct {
		named
		Class     string    `xml:"class,attr"`
		Key       string    `xml:"key,attr"`
		Value     string    `xml:"valueName,attr"`
		Parent    reference `xml:"parentCategory"`
		Supported reference `xml:"supportedOn"`
		Texts     []struct {
			ID    string `xml:"id,attr"`
			Value string `xml:"valueName,attr"`
		} `xml:"elements>text"`
		On decimal `xml:"enabledValue>decimal"`
	} `xml:"policies>policy"`
}

type named struct {
	Name         string `xml:"name,attr"`
	Display      string `xml:"displayName,attr"`
	Explain      string `xml:"explainText,attr"`
	Presentation string `xml:"presentation,attr"`
}

type reference struct {
	Ref string `xml:"ref,attr"`
}

type decimal struct {
	Value string `xml:"value,attr"`
}

type adml struct {
	XMLName xml.Name `xml:"http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions policyDefinitionResources"`
	Strings []struct {
		ID   string `xml:"id,attr"`
		Text string `xml:",chardata"`
	} `xml:"resources>stringTable>string"`
	Presentations []struct {
		ID    string `xml:"id,attr"`
		Boxes []struct {
			Ref   string `xml:"refId,attr"`
			Label string `xml:"label"`
		} `xml:"textBox"`
	} `xml:"resources>presentationTable>presentation"`
}

// policyFiles unpacks the archive of Policy.
func policyFiles(t *testing.T) map[string][]byte {
	t.Helper()
	b, err := Policy()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Policy()
	if err != nil || !bytes.Equal(b, again) {
		t.Errorf("two archives differ: %v", err)
	}
	archive, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func parse(t *testing.T, files map[string][]byte, name string, into any) {
	t.Helper()
	if err := xml.Unmarshal(files[name], into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// TestPolicyTexts: both languages have exactly the strings and presentations that the policies refer to.
func TestPolicyTexts(t *testing.T) {
	files := policyFiles(t)
	if len(files) != 3 {
		t.Errorf("%d files in the archive, want 3", len(files))
	}
	var policy admx
	parse(t, files, "IdecoAgent.admx", &policy)
	var wantStrings, wantPresentations, wantBoxes []string
	use := func(n named) {
		for _, ref := range []string{n.Display, n.Explain, n.Presentation} {
			// The ID is X in "$(string.X)" and "$(presentation.X)".
			id := strings.TrimSuffix(ref[min(len(ref), strings.Index(ref, ".")+1):], ")")
			switch {
			case strings.HasPrefix(ref, "$(string."):
				wantStrings = append(wantStrings, id)
			case strings.HasPrefix(ref, "$(presentation."):
				wantPresentations = append(wantPresentations, id)
			case ref != "":
				t.Errorf("%s refers to %q", n.Name, ref)
			}
		}
	}
	for _, n := range slices.Concat(policy.Supported, policy.Categories) {
		use(n)
	}
	for _, p := range policy.Policies {
		use(p.named)
		for _, text := range p.Texts {
			wantBoxes = append(wantBoxes, text.ID)
		}
		if p.Parent.Ref != policy.Categories[0].Name || p.Supported.Ref != policy.Supported[0].Name {
			t.Errorf("%s has the category %q and is supported on %q", p.Name, p.Parent.Ref, p.Supported.Ref)
		}
	}
	for _, name := range []string{"ru-RU/IdecoAgent.adml", "en-US/IdecoAgent.adml"} {
		var words adml
		parse(t, files, name, &words)
		var haveStrings, havePresentations, haveBoxes []string
		for _, s := range words.Strings {
			haveStrings = append(haveStrings, s.ID)
			if strings.TrimSpace(s.Text) == "" {
				t.Errorf("%s: %s is empty", name, s.ID)
			}
		}
		for _, p := range words.Presentations {
			havePresentations = append(havePresentations, p.ID)
			for _, box := range p.Boxes {
				haveBoxes = append(haveBoxes, box.Ref)
				if box.Label == "" {
					t.Errorf("%s: %s has no label", name, box.Ref)
				}
			}
		}
		for what, pair := range map[string][2][]string{"strings": {haveStrings, wantStrings}, "presentations": {havePresentations, wantPresentations}, "boxes": {haveBoxes, wantBoxes}} {
			for _, list := range pair {
				slices.Sort(list)
			}
			if !slices.Equal(pair[0], pair[1]) {
				t.Errorf("%s: %s %q, want %q", name, what, pair[0], pair[1])
			}
		}
	}
}

// TestPolicyValues: the agent reads the values that the policies set.
func TestPolicyValues(t *testing.T) {
	var policy admx
	parse(t, policyFiles(t), "IdecoAgent.admx", &policy)
	var values []string
	for _, p := range policy.Policies {
		if p.Key != `Software\Policies\Ideco\Agent` || p.Class != "Machine" {
			t.Errorf("%s is in %s of %s", p.Name, p.Key, p.Class)
		}
		for _, text := range p.Texts {
			values = append(values, text.Value)
		}
		if p.Value != "" {
			values = append(values, p.Value)
			if p.On.Value != "1" {
				t.Errorf("%s sets %q, want 1", p.Name, p.On.Value)
			}
		}
	}
	if want := []string{"UtmAddress", "UtmPin", "ForbidSavedPassword", "ForbidHomeNetwork"}; !slices.Equal(values, want) {
		t.Errorf("the policies set %q, want %q", values, want)
	}
	source, err := os.ReadFile(filepath.FromSlash("../client/settings/registry_windows.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, read := range []string{"`Software\\Policies\\Ideco\\Agent`", `"UtmAddress"`, `"UtmPin"`, `"ForbidSavedPassword"`, `"ForbidHomeNetwork"`} {
		if !bytes.Contains(source, []byte(read)) {
			t.Errorf("the agent does not read %s", read)
		}
	}
}
