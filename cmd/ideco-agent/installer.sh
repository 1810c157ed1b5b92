#!/bin/sh
# installer.sh EXE10 EXE8 OUT VERSION
#
# Builds the installer's template OUT from the program in two builds, EXE10 for Windows 10 and newer and EXE8 for
# Windows 8 and 8.1, the version (three numbers) and installer.wxs. The same programs give the same bytes. Needs wixl
# and msibuild (Debian: wixl, msitools).
set -eu

if [ $# -ne 4 ]; then
	sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
	exit 2
fi
for tool in wixl msibuild; do
	command -v "$tool" >/dev/null || { echo "installer.sh: no $tool here; apt-get install wixl msitools" >&2; exit 1; }
done
exe10=$1 exe8=$2 out=$3 version=$4
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/ideco-installer.XXXXXX")
trap 'rm -rf "$work"' EXIT

# wixl reads files beside the .wxs only, and the cabinet keeps the programs' time.
cp "$exe10" "$work/IdecoAgent.exe"
cp "$exe8" "$work/IdecoAgentWin8.exe"
cp "$here/installer.wxs" "$here/ideco.ico" "$work/"
touch -d '2020-01-01 00:00:00 UTC' "$work/IdecoAgent.exe" "$work/IdecoAgentWin8.exe"

# An address has at most 253 characters and a pin 44; the two placeholders hold 2 and one must remain.
pad=$(printf '%0320d' 0 | tr 0 .)
tables=$work/tables
mkdir "$tables"

# Tables with CR LF line ends, as Windows Installer exports them. The code page is that of the strings (UTF-8); the
# summary has one of its own, no language of ours, and no time of the build.
table() { sed 's/$/\r/' >"$tables/$1.idt"; }
table _ForceCodepage <<EOF


65001	_ForceCodepage
EOF
table _SummaryInformation <<EOF
PropertyId	Value
i2	l255
_SummaryInformation	PropertyId
1	1252
2	Installation Database
3	Ideco Agent $version
4	Ideco
5	Installer
6	Ideco Agent for Windows 8 and newer
7	x64;1049
9	{C3D7E5A8-1B6A-4B0E-A9C8-2F4D6E8A0B03}
12	2020/01/01 00:00:00
13	2020/01/01 00:00:00
14	500
15	2
18	msitools
19	2
EOF

(
	cd "$work"
	export TZ=UTC LC_ALL=C.UTF-8
	wixl -a x64 -D "Version=$version" -D "Pad=$pad" -o template.msi installer.wxs

	# The Upgrade row is inserted anew because its Attributes are part of the key: 513 also removes the same version, with
	# another gateway's address in it.
	upgrade=$(sed -n 's/.*UpgradeCode="\([^"]*\)".*/\1/p' installer.wxs)
	# wixl adds 2048 (no impersonation) to an action that only sets a property.
	msibuild template.msi \
		-i "$tables/_ForceCodepage.idt" \
		-i "$tables/_SummaryInformation.idt" \
		-q "UPDATE Property SET Value='Айдеко Агент' WHERE Property='ProductName'" \
		-q "UPDATE Property SET Value='UTM_ADDRESS;UTM_PIN;INSTALLED_ADDRESS;INSTALLED_PIN;WINDOWS_MAJOR;WIX_UPGRADE_DETECTED;WIX_DOWNGRADE_DETECTED' WHERE Property='SecureCustomProperties'" \
		-q "UPDATE LaunchCondition SET Description='Для программы «Айдеко Агент» нужна Windows 8 или новее.' WHERE Condition='Installed OR VersionNT >= 602'" \
		-q "UPDATE LaunchCondition SET Description='Для программы «Айдеко Агент» нужна 64-разрядная Windows (x64).' WHERE Condition='Installed OR VersionNT64'" \
		-q "UPDATE Component SET Condition='WINDOWS_MAJOR AND WINDOWS_MAJOR <> \"#6\"' WHERE Component='Program'" \
		-q "UPDATE Component SET Condition='NOT WINDOWS_MAJOR OR WINDOWS_MAJOR = \"#6\"' WHERE Component='ProgramWin8'" \
		-q "UPDATE LaunchCondition SET Description='На этом компьютере уже есть более новая версия программы «Айдеко Агент». Чтобы установить эту, сначала удалите её.' WHERE Condition='NOT WIX_DOWNGRADE_DETECTED'" \
		-q "DELETE FROM Upgrade WHERE ActionProperty='WIX_UPGRADE_DETECTED'" \
		-q "INSERT INTO Upgrade (UpgradeCode, VersionMax, Attributes, ActionProperty) VALUES ('$upgrade', '$version', 513, 'WIX_UPGRADE_DETECTED')" \
		-q "UPDATE CustomAction SET Type=51 WHERE Type=2099" \
		-q "INSERT INTO RemoveFile (FileKey, Component_, DirProperty, InstallMode) VALUES ('RemoveIdecoFolder', 'Gateway', 'IdecoFolder', 2)"
)
cp "$work/template.msi" "$out.new"
mv "$out.new" "$out"
