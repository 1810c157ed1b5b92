// Package installer makes the IdecoAgent.msi that a person downloads: it presets the gateway's address and the pin of
// its certificate in an installer that knows neither.
//
// The template is built once, by cmd/ideco-agent/installer.sh, and embedded. Windows Installer reads the address and the
// pin from two rows of the table Property, UTM_ADDRESS and PresetPin, whose texts lie in the database's pool of strings.
// The template has a third row, PresetPad, that gives up as many characters as the other texts take, so that no stream
// changes its place and a preset is a handful of byte ranges laid over the template. Nothing is copied for a download.
//
// ProductCode and PackageCode follow from template, address and pin. With the codes of another preset Windows would
// take the installer for one that it has installed already, and keep the old address. And since nothing else enters
// them, the same address gives the same bytes for ever.
//
// An MSI is a compound file (cfb.go) with a pool of strings (strings.go), tables of numbers (table.go) and a summary
// (summary.go). template.go checks all that a preset touches when the program starts; preset.go makes it.
package installer
