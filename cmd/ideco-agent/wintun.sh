#!/bin/sh
# wintun.sh OUT [DLL]
#
# Puts the wintun.dll of version 0.14.1 for x64 at OUT: DLL, or the file that the Go module sing-tun carries. Of that
# module nothing else is used, and nothing is linked. Only WireGuard's own signed file is taken, known by its SHA-256;
# any other one is a failure. Where the module cannot be had there is no OUT, and an installer without the driver.
set -eu

if [ $# -ne 1 ] && [ $# -ne 2 ]; then
	sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
	exit 2
fi
out=$1 dll=${2-} # an empty DLL is none
sha256=e5da8447dc2c320edc0fc52fa01885c103de8c118481f683643cacc3220dafce
module=github.com/sagernet/sing-tun@v0.6.1

genuine() { [ -f "$1" ] && [ "$(sha256sum <"$1")" = "$sha256  -" ]; }

if [ -z "$dll" ]; then
	if genuine "$out"; then exit 0; fi
	# Outside of this module, so that nothing of it comes into go.mod.
	dir=$(cd / && GOFLAGS=-mod=mod go mod download -json "$module" 2>/dev/null | sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p')
	if [ -z "$dir" ]; then
		rm -f "$out"
		echo "No VPN driver in this installer: the module $module could not be had (make WINTUN_DLL=path takes a file)."
		exit 0
	fi
	dll=$dir/internal/wintun/amd64/wintun.dll
fi
if ! [ -f "$dll" ]; then
	echo "wintun.sh: there is no file $dll" >&2
	exit 1
fi
if ! genuine "$dll"; then
	echo "wintun.sh: $dll is not the wintun.dll of version 0.14.1 (SHA-256 $sha256)" >&2
	exit 1
fi
if genuine "$out"; then exit 0; fi # so that nothing is built anew
mkdir -p "$(dirname "$out")"
cp "$dll" "$out.new"
chmod 644 "$out.new"
mv "$out.new" "$out"
