package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// build fills a directory as make does, with this test as each of the programs.
func build(t *testing.T) string {
	t.Helper()
	test, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "build")
	for _, a := range artefacts() {
		path := filepath.Join(dir, a.path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if a.program {
			err = os.Symlink(test, path)
		} else {
			err = os.WriteFile(path, []byte(a.name), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestComponents(t *testing.T) {
	dir := build(t)
	first, second := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "second")
	for _, out := range []string{first, second} {
		if err := writeComponents("1.2.3", dir, out); err != nil {
			t.Fatal(err)
		}
	}
	module := []string{"pkg:golang/github.com/CycloneDX/cyclonedx-go@", "pkg:golang/std@" + strings.TrimPrefix(runtime.Version(), "go")}
	for _, a := range artefacts() {
		content, err := os.ReadFile(filepath.Join(first, a.name+".cdx.json"))
		if err != nil {
			t.Fatal(err)
		}
		if again, err := os.ReadFile(filepath.Join(second, a.name+".cdx.json")); err != nil || !bytes.Equal(content, again) {
			t.Errorf("%s: the same programs gave other bytes (%v)", a.name, err)
		}
		var bom cdx.BOM
		if err := json.Unmarshal(content, &bom); err != nil {
			t.Fatal(err)
		}
		if c := bom.Metadata.Component; c.Name != a.name || c.Version != "1.2.3" || len(*c.Hashes) != 1 {
			t.Errorf("%s describes %+v", a.name, c)
		}
		want := slices.Clone(module)
		switch {
		case strings.HasPrefix(a.name, "ideco-portal"):
			want = append(want, "IdecoAgent.msi", "IdecoAgent-win8.exe", "wintun.dll", "pkg:deb/debian/nftables")
		case a.name == "IdecoAgent.msi":
			want = append(want, "IdecoAgent.exe", "wintun.dll")
		}
		refs := []string{a.name}
		for _, c := range *bom.Components {
			refs = append(refs, c.BOMRef)
		}
		for _, name := range want {
			if !slices.ContainsFunc(refs, func(ref string) bool { return strings.HasPrefix(ref, name) }) {
				t.Errorf("%s lacks %s: %q", a.name, name, refs)
			}
		}
		for _, d := range *bom.Dependencies {
			for _, ref := range append(*d.Dependencies, d.Ref) {
				if !slices.Contains(refs, ref) {
					t.Errorf("%s: %s is used and not described", a.name, ref)
				}
			}
		}
		slices.Sort(refs)
		if len(slices.Compact(slices.Clone(refs))) != len(refs) {
			t.Errorf("%s describes something twice: %q", a.name, refs)
		}
	}
}

func TestLicences(t *testing.T) {
	test, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "licences.txt")
	if err := writeLicences(out, []string{test, test}); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"github.com/CycloneDX/cyclonedx-go@v", "Apache License", "github.com/google/licensecheck@v", "The Go Authors", "(BSD-3-Clause)"} {
		if !strings.Contains(string(content), want) {
			t.Errorf("the licences lack %q", want)
		}
	}
	if n := strings.Count(string(content), "github.com/google/licensecheck@v"); n != 1 {
		t.Errorf("a module stands there %d times", n)
	}
}

// TestNoLicence: a module without a licence is an error that names it.
func TestNoLicence(t *testing.T) {
	for _, m := range []module{{path: "example.test/none", version: "v1.0.0"}} {
		if _, err := readLicences([]module{m}); err == nil || !strings.Contains(err.Error(), m.String()) {
			t.Errorf("%s: %v", m, err)
		}
	}
	if l, err := readLicence(t.TempDir()); err != nil || l.text != "" {
		t.Errorf("an empty directory has the licence %+v (%v)", l, err)
	}
}
