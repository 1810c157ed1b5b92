// Command sbom writes what the programs of a release are made of:
//
//	sbom components VERSION DIR OUT
//	sbom licences OUT PROGRAM...
//
// components reads the artefacts from DIR (the directory build) and writes for each the list of its components in the format
// CycloneDX to OUT/NAME.cdx.json. licences writes the licences of the modules in the programs to one file.
//
// What is linked comes from the programs themselves (debug/buildinfo). The licences come from the module cache;
// package licensecheck recognises them. The same programs give the same bytes. cyclonedx-gomod was tried first: its
// output names the hash of its own executable, and it knows neither the installer nor what a package needs.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

func main() {
	var err error
	switch args := os.Args[1:]; {
	case len(args) == 4 && args[0] == "components":
		err = writeComponents(args[1], args[2], args[3])
	case len(args) > 2 && args[0] == "licences":
		err = writeLicences(args[1], args[2:])
	default:
		fmt.Fprintln(os.Stderr, "sbom: want components VERSION DIR OUT, or licences OUT PROGRAM...")
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

// artefact is a file of a release.
type artefact struct {
	name    string
	path    string // from the directory build
	program bool
	holds   []string // the artefacts in it, by name
	parts   []cdx.Component
}

// artefacts lists what is described. The gateway hands out the installer and the archive, so they are in it.
func artefacts() []artefact {
	all := []artefact{
		{name: "IdecoAgent.exe", path: "IdecoAgent.exe", program: true},
		{name: "IdecoAgent-win8.exe", path: "IdecoAgent-win8.exe", program: true},
		{name: "IdecoAgent.msi", path: "../agent/installer/template/IdecoAgent.msi", holds: []string{"IdecoAgent.exe", "IdecoAgent-win8.exe"}, parts: []cdx.Component{wintun}},
		{name: "IdecoAgent-portable.zip", path: "../agent/installer/template/IdecoAgent-portable.zip", holds: []string{"IdecoAgent.exe", "IdecoAgent-win8.exe"}},
	}
	for _, arch := range []string{"amd64", "arm64"} {
		all = append(all,
			artefact{name: "ideco-agent_linux_" + arch, path: "linux-" + arch + "/ideco-agent", program: true},
			artefact{name: "ideco-portal_linux_" + arch, path: "linux-" + arch + "/ideco-portal", program: true, holds: []string{"IdecoAgent.msi", "IdecoAgent-portable.zip"}, parts: []cdx.Component{nftables}})
	}
	return all
}

// wintun is WireGuard's driver; the hash is the one that wintun.sh demands.
var wintun = cdx.Component{
	BOMRef: "wintun.dll", Type: cdx.ComponentTypeLibrary, Name: "wintun.dll", Version: "0.14.1",
	Supplier: &cdx.OrganizationalEntity{Name: "WireGuard LLC", URL: &[]string{"https://www.wintun.net/"}},
	Hashes:   &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: "e5da8447dc2c320edc0fc52fa01885c103de8c118481f683643cacc3220dafce"}},
	Licenses: &cdx.Licenses{{License: &cdx.License{Name: "Prebuilt Binaries License of Wintun"}}},
}

// nftables is what the gateway starts and the package depends on. Its version is the one of the system.
var nftables = cdx.Component{
	BOMRef: "pkg:deb/debian/nftables", Type: cdx.ComponentTypeApplication, Name: "nftables", PackageURL: "pkg:deb/debian/nftables", Scope: cdx.ScopeRequired,
	Description: "not included; the Debian package depends on it",
}

func writeComponents(version, dir, out string) error {
	all := artefacts()
	programs := map[string]*program{}
	var modules []module
	for _, a := range all {
		if !a.program {
			continue
		}
		p, err := readProgram(filepath.Join(dir, a.path))
		if err != nil {
			return err
		}
		programs[a.name] = p
		modules = append(modules, p.modules...)
	}
	licences, err := readLicences(unique(modules))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for _, a := range all {
		hash, err := hashOf(filepath.Join(dir, a.path))
		if err != nil {
			return err
		}
		if err := writeBOM(filepath.Join(out, a.name+".cdx.json"), describe(a, version, hash, programs, licences)); err != nil {
			return err
		}
	}
	return nil
}

func writeLicences(out string, paths []string) error {
	var modules []module
	for _, path := range paths {
		p, err := readProgram(path)
		if err != nil {
			return err
		}
		modules = append(modules, p.modules...)
	}
	modules = unique(modules)
	licences, err := readLicences(modules)
	if err != nil {
		return err
	}
	return os.WriteFile(out, notices(modules, licences), 0o644)
}

func hashOf(path string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:]), nil
}
