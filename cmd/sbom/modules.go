package main

import (
	"bytes"
	"cmp"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
	modulepath "golang.org/x/mod/module"
)

// module is a Go module in a program. The standard library counts as the module std.
type module struct{ path, version, sum string }

func (m module) String() string { return m.path + "@" + m.version }

// program is what a program tells about its build.
type program struct {
	goVersion, goos, goarch string
	modules                 []module // sorted
}

func readProgram(path string) (*program, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p := &program{goVersion: info.GoVersion, modules: []module{{path: "std", version: strings.TrimPrefix(info.GoVersion, "go")}}}
	for _, s := range info.Settings {
		switch s.Key {
		case "GOOS":
			p.goos = s.Value
		case "GOARCH":
			p.goarch = s.Value
		}
	}
	for _, dep := range info.Deps {
		if dep.Replace != nil {
			dep = dep.Replace
		}
		p.modules = append(p.modules, module{dep.Path, dep.Version, dep.Sum})
	}
	slices.SortFunc(p.modules, compare)
	return p, nil
}

func compare(a, b module) int {
	return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.version, b.version))
}

// unique returns the modules sorted and each once.
func unique(modules []module) []module {
	slices.SortFunc(modules, compare)
	return slices.CompactFunc(modules, func(a, b module) bool { return a.String() == b.String() })
}

// licence is what a module's own files say about its licence.
type licence struct {
	id   string // of SPDX, joined by AND; empty = not recognised
	text string
}

// licenceFile matches the names of files with a licence, and the notices that Apache 2.0 wants kept.
var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents|copyright)([.-].*)?$`)

// readLicences finds the licence of each module. A module without one is an error: then it may not be shipped.
func readLicences(modules []module) (map[string]licence, error) {
	dirs, err := directories(modules)
	if err != nil {
		return nil, err
	}
	found := map[string]licence{}
	for _, m := range modules {
		l, err := readLicence(dirs[m.String()])
		if err == nil && l.text == "" {
			err = errors.New("no file with a licence")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m, err)
		}
		found[m.String()] = l
	}
	return found, nil
}

func readLicence(dir string) (licence, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return licence{}, err
	}
	var ids []string
	var text strings.Builder
	for _, entry := range entries {
		if entry.IsDir() || !licenceFile.MatchString(entry.Name()) || strings.HasSuffix(entry.Name(), ".go") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return licence{}, err
		}
		// A grant of patents is no licence of its own; SPDX has no name for it.
		for _, match := range licensecheck.Scan(content).Match {
			if match.ID != "GooglePatentsFile" && !match.IsURL && !slices.Contains(ids, match.ID) {
				ids = append(ids, match.ID)
			}
		}
		fmt.Fprintf(&text, "%s\n\n", bytes.TrimSpace(bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))))
	}
	slices.Sort(ids)
	return licence{strings.Join(ids, " AND "), text.String()}, nil
}

// directories returns where the sources of the modules are: in the module cache, because the programs were built from them.
func directories(modules []module) (map[string]string, error) {
	out, err := exec.Command("go", "env", "GOROOT", "GOMODCACHE").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	root, cache, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	dirs := map[string]string{}
	for _, m := range modules {
		if m.path == "std" {
			dirs[m.String()] = root
			continue
		}
		path, err := modulepath.EscapePath(m.path)
		if err != nil {
			return nil, err
		}
		version, err := modulepath.EscapeVersion(m.version)
		if err != nil {
			return nil, err
		}
		dirs[m.String()] = filepath.Join(cache, path+"@"+version)
	}
	return dirs, nil
}

// notices returns the licences of the modules, each text once with the modules under it.
func notices(modules []module, licences map[string]licence) []byte {
	var order []string
	under := map[string][]string{}
	for _, m := range modules {
		text := licences[m.String()].text
		if under[text] == nil {
			order = append(order, text)
		}
		line := m.String()
		if id := licences[line].id; id != "" {
			line += " (" + id + ")"
		}
		under[text] = append(under[text], line)
	}
	var b bytes.Buffer
	b.WriteString("Modules of others in these programs, and their licences.\n")
	for _, text := range order {
		fmt.Fprintf(&b, "\n%s\n\n%s\n\n%s", strings.Repeat("=", 78), strings.Join(under[text], "\n"), text)
	}
	return b.Bytes()
}
