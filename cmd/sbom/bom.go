package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"os"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// describe returns the components of an artefact: its modules, the artefacts in it with theirs, and its other parts. It has no
// serial number and no time, which would differ from build to build.
func describe(a artefact, version, hash string, programs map[string]*program, licences map[string]licence) *cdx.BOM {
	own := cdx.Component{
		BOMRef: a.name, Type: cdx.ComponentTypeApplication, Name: a.name, Version: version,
		Licenses: &cdx.Licenses{{License: &cdx.License{ID: "Apache-2.0"}}},
		Hashes:   &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hash}},
	}
	if p := programs[a.name]; p != nil {
		own.Properties = &[]cdx.Property{{Name: "go:version", Value: p.goVersion}, {Name: "go:os", Value: p.goos}, {Name: "go:arch", Value: p.goarch}}
	}
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Component: &own}

	components := slices.Clone(a.parts)
	var dependencies []cdx.Dependency
	var add func(a artefact)
	add = func(a artefact) {
		var refs []string
		for _, part := range a.parts {
			refs = append(refs, part.BOMRef)
		}
		if p := programs[a.name]; p != nil {
			for _, m := range p.modules {
				c := moduleComponent(m, licences[m.String()])
				components, refs = append(components, c), append(refs, c.BOMRef)
			}
		}
		for _, name := range a.holds {
			inner := byName(name)
			components = append(append(components, cdx.Component{BOMRef: name, Type: cdx.ComponentTypeApplication, Name: name, Version: version}), inner.parts...)
			refs = append(refs, name)
			add(inner)
		}
		dependencies = append(dependencies, cdx.Dependency{Ref: a.name, Dependencies: &refs})
	}
	add(a)

	slices.SortStableFunc(components, func(a, b cdx.Component) int { return strings.Compare(a.BOMRef, b.BOMRef) })
	components = slices.CompactFunc(components, func(a, b cdx.Component) bool { return a.BOMRef == b.BOMRef })
	slices.SortStableFunc(dependencies, func(a, b cdx.Dependency) int { return strings.Compare(a.Ref, b.Ref) })
	dependencies = slices.CompactFunc(dependencies, func(a, b cdx.Dependency) bool { return a.Ref == b.Ref })
	bom.Components, bom.Dependencies = &components, &dependencies
	return bom
}

func byName(name string) artefact {
	all := artefacts()
	return all[slices.IndexFunc(all, func(a artefact) bool { return a.name == name })]
}

func moduleComponent(m module, l licence) cdx.Component {
	version := m.version
	if m.path == "std" {
		version = "go" + version
	}
	url := "pkg:golang/" + m.path + "@" + m.version
	c := cdx.Component{BOMRef: url, Type: cdx.ComponentTypeLibrary, Name: m.path, Version: version, PackageURL: url, Scope: cdx.ScopeRequired}
	// The sum of a module is the SHA-256 of a list of its files, in base64.
	if sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.sum, "h1:")); err == nil && len(sum) > 0 {
		c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum)}}
	}
	switch {
	case strings.Contains(l.id, " "):
		c.Licenses = &cdx.Licenses{{Expression: l.id}}
	case l.id != "":
		c.Licenses = &cdx.Licenses{{License: &cdx.License{ID: l.id}}}
	}
	return c
}

func writeBOM(path string, bom *cdx.BOM) error {
	var b bytes.Buffer
	if err := cdx.NewBOMEncoder(&b, cdx.BOMFileFormatJSON).SetPretty(true).Encode(bom); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
