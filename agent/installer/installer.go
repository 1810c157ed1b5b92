// Package installer makes the IdecoAgent.msi that a person downloads: it presets the gateway's address and pin in a template that
// has neither.
//
// The template is built by cmd/ideco-agent/installer.sh and embedded. Windows Installer reads the address and the pin from two rows
// of the table Property, UTM_ADDRESS and PresetPin, whose texts are in the database's string pool. A third row, PresetPad, becomes
// shorter by as many characters as the others become longer. So no stream moves, and a preset is a few byte ranges that replace
// bytes of the template. A download copies nothing.
//
// ProductCode and PackageCode depend on template, address and pin. If two presets had the same codes, Windows would take the
// second for the installed first, and keep the old address. They depend on nothing else, so the same address always gives the
// same bytes.
//
// An MSI is a compound file (cfb.go) with a string pool (string_pool.go), tables of numbers (table.go) and a summary (summary.go).
// template.go checks the parts that a preset changes, when the program starts. preset.go makes the preset.
package installer
