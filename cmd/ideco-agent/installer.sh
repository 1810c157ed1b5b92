#!/bin/sh
# installer.sh EXE10 EXE8 OUT VERSION [WINTUN]
#
# Builds the installer's template OUT from the program in two builds, EXE10 for Windows 10 and newer and EXE8 for
# Windows 8 and 8.1, the version (three numbers), installer.wxs and the dialogs in the directory dialogs. WINTUN is the
# wintun.dll of version 0.14.1, without which the program has no VPN. The same files give the same bytes. Needs wixl and
# msibuild (Debian: wixl, msitools).
set -eu

if [ $# -ne 4 ] && [ $# -ne 5 ]; then
	sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
	exit 2
fi
for tool in wixl msibuild; do
	command -v "$tool" >/dev/null || { echo "installer.sh: no $tool here; apt-get install wixl msitools" >&2; exit 1; }
done
exe10=$1 exe8=$2 out=$3 version=$4 wintun=${5-}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/ideco-installer.XXXXXX")
trap 'rm -rf "$work"' EXIT

# wixl reads files beside the .wxs only, and the cabinet keeps the files' time.
cp "$exe10" "$work/IdecoAgent.exe"
cp "$exe8" "$work/IdecoAgentWin8.exe"
cp "$here/installer.wxs" "$here/ideco.ico" "$here/wintun-LICENSE.txt" "$work/"
if [ -n "$wintun" ]; then
	cp "$wintun" "$work/wintun.dll"
	wintun=0.14.1
fi
touch -d '2020-01-01 00:00:00 UTC' "$work"/*

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
for dialogs in ActionText CheckBox Control ControlCondition ControlEvent Dialog EventMapping ListBox TextStyle; do
	table $dialogs <"$here/dialogs/$dialogs.idt"
done

(
	cd "$work"
	export TZ=UTC LC_ALL=C.UTF-8
	wixl -a x64 -D "Version=$version" -D "Pad=$pad" ${wintun:+-D "Wintun=$wintun"} -o template.msi installer.wxs

	# The code page comes before everything that is not ASCII.
	msibuild template.msi -i "$tables/_ForceCodepage.idt"
	msibuild template.msi -i "$tables/_SummaryInformation.idt" \
		-i "$tables/ActionText.idt" -i "$tables/CheckBox.idt" -i "$tables/Control.idt" -i "$tables/ControlCondition.idt" \
		-i "$tables/ControlEvent.idt" -i "$tables/Dialog.idt" -i "$tables/EventMapping.idt" -i "$tables/ListBox.idt" \
		-i "$tables/TextStyle.idt"

	# The Upgrade row is inserted anew because its Attributes are part of the key: 513 also removes the same version, with
	# another gateway's address in it.
	upgrade=$(sed -n 's/.*UpgradeCode="\([^"]*\)".*/\1/p' installer.wxs)
	# wixl adds 2048 (no impersonation) to an action that only sets a property.
	msibuild template.msi \
		-q "UPDATE Property SET Value='Айдеко Агент' WHERE Property='ProductName'" \
		-q "UPDATE Property SET Value='UTM_ADDRESS;UTM_PIN;WIX_UPGRADE_DETECTED;WIX_DOWNGRADE_DETECTED' WHERE Property='SecureCustomProperties'" \
		-q "UPDATE LaunchCondition SET Description='Для программы «Айдеко Агент» нужна Windows 8 или новее.' WHERE Condition='Installed OR VersionNT >= 602'" \
		-q "UPDATE LaunchCondition SET Description='Для программы «Айдеко Агент» нужна 64-разрядная Windows (x64).' WHERE Condition='Installed OR VersionNT64'" \
		-q "UPDATE Component SET Condition='WINDOWS_MAJOR AND WINDOWS_MAJOR <> \"#6\"' WHERE Component='Program'" \
		-q "UPDATE Component SET Condition='NOT WINDOWS_MAJOR OR WINDOWS_MAJOR = \"#6\"' WHERE Component='ProgramWin8'" \
		-q "UPDATE LaunchCondition SET Description='На этом компьютере уже есть более новая версия программы «Айдеко Агент». Чтобы установить эту, сначала удалите её.' WHERE Condition='NOT WIX_DOWNGRADE_DETECTED'" \
		-q "DELETE FROM Upgrade WHERE ActionProperty='WIX_UPGRADE_DETECTED'" \
		-q "INSERT INTO Upgrade (UpgradeCode, VersionMax, Attributes, ActionProperty) VALUES ('$upgrade', '$version', 513, 'WIX_UPGRADE_DETECTED')" \
		-q "UPDATE CustomAction SET Type=51 WHERE Type=2099"

	# A service that cannot be registered ends the installation (32768). It is stopped before anything else, because its
	# process outlives it by a moment, in which its file cannot be removed. What was installed before is removed within the
	# transaction (from 1500 on), so that it comes back when the installation fails.
	msibuild template.msi \
		-q "UPDATE ServiceInstall SET DisplayName='Айдеко Агент', ErrorControl=32769, Description='Соединяет этот компьютер с сетью организации через шлюз.' WHERE Name='IdecoAgent'" \
		-q "UPDATE InstallExecuteSequence SET Sequence=1501 WHERE Action='RemoveExistingProducts'" \
		-q "UPDATE InstallExecuteSequence SET Sequence=1510 WHERE Action='StopServices'" \
		-q "UPDATE InstallExecuteSequence SET Sequence=1520 WHERE Action='DeleteServices'" \
		-q "UPDATE Shortcut SET Name='IDECOA~1|Айдеко Агент', Description='Доступ в интернет и к сети организации через шлюз' WHERE Shortcut='StartMenu'"

	# The service's files go before their directories, and a directory goes only when it is empty. Wine knows no "*", so the
	# names are given too; those of older logs have a time in them and are for "*" alone.
	remove() { # KEY DIRECTORY [NAME]
		msibuild template.msi -q "INSERT INTO RemoveFile (FileKey, Component_, DirProperty, InstallMode${3:+, FileName}) VALUES ('$1', 'Gateway', '$2', 2${3:+, '$3'})"
	}
	remove RemoveServiceFiles RemovedServiceDir '*'
	remove RemoveServiceDevice RemovedServiceDir device
	remove RemoveServiceLog RemovedServiceDir service.log
	remove RemoveServiceFolder RemovedServiceDir
	remove RemoveAgentFolder InstallDir
	remove RemoveIdecoFolder IdecoFolder

	# Which dialog comes when. The program is started by the last one, as the person in front of it, and waited for by
	# nobody (34 + 64 + 128). What is installed is looked up with the rights of the installer alone (see installer.wxs). After a
	# refusal in words (a launch condition) the dialog for failures would only give wrong advice.
	msibuild template.msi \
		-q "INSERT INTO CustomAction (Action, Type, Source, Target) VALUES ('LaunchAgent', 226, 'InstallDir', '\"[InstallDir]IdecoAgent.exe\"')" \
		-q "DELETE FROM InstallUISequence WHERE Action='AppSearch'" \
		-q "INSERT INTO InstallUISequence (Action, Condition, Sequence) VALUES ('DropAddress', 'UTM_ADDRESS = \"-\"', 1230)" \
		-q "INSERT INTO InstallUISequence (Action, Condition, Sequence) VALUES ('AddressDialog', 'NOT Installed AND NOT UTM_ADDRESS', 1240)" \
		-q "INSERT INTO InstallUISequence (Action, Condition, Sequence) VALUES ('MaintenanceDialog', 'Installed AND NOT Preselected AND NOT REMOVE AND NOT REINSTALL AND NOT RESUME', 1250)" \
		-q "INSERT INTO InstallUISequence (Action, Sequence) VALUES ('ProgressDialog', 1280)" \
		-q "INSERT INTO InstallUISequence (Action, Sequence) VALUES ('FinishDialog', -1)" \
		-q "INSERT INTO InstallUISequence (Action, Sequence) VALUES ('StoppedDialog', -2)" \
		-q "INSERT INTO InstallUISequence (Action, Condition, Sequence) VALUES ('FailedDialog', 'NOT WIX_DOWNGRADE_DETECTED AND VersionNT >= 602 AND VersionNT64', -3)"
)
cp "$work/template.msi" "$out.new"
mv "$out.new" "$out"
