#!/bin/sh
# installer.sh EXE10 EXE8 OUT VERSION [WINTUN]
#
# Builds the installer's template OUT from the program in two builds, EXE10 for Windows 10 and newer and EXE8 for
# Windows 8 and 8.1, the version (three numbers), installer.wxs and the dialogs in the directory dialogs. WINTUN is the
# wintun.dll of version 0.14.1; without it the installed program has no VPN. The same files give the same bytes. Needs wixl
# and msibuild (Debian: wixl, msitools).
set -eu

if [ $# -ne 4 ] && [ $# -ne 5 ]; then
	sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
	exit 2
fi
for tool in wixl msibuild msiinfo; do
	command -v "$tool" >/dev/null || { echo "installer.sh: no $tool here; apt-get install wixl msitools" >&2; exit 1; }
done
exe10=$1 exe8=$2 out=$3 version=$4 wintun=${5-} wintun_version=
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/ideco-installer.XXXXXX")
trap 'rm -rf "$work"' EXIT

# wixl reads files beside the .wxs only, and the cabinet keeps the files' time.
cp "$exe10" "$work/IdecoAgent.exe"
cp "$exe8" "$work/IdecoAgentWin8.exe"
cp "$here/installer.wxs" "$here/ideco.ico" "$here/wintun-LICENSE.txt" "$work/"
if [ -n "$wintun" ]; then
	cp "$wintun" "$work/wintun.dll"
	wintun_version=0.14.1
fi
touch -d '2020-01-01 00:00:00 UTC' "$work"/*

# The preset takes its characters from this padding: 253 for the address, 44 for the pin, and 16 must remain (maxHost,
# pinSize and minPad in agent/installer/template.go).
pad=$(printf '%0320d' 0 | tr 0 .)
tables=$work/tables
mkdir "$tables"

# Tables with CR LF line ends, as Windows Installer exports them. The texts are Russian, in code page 1251: Windows Installer
# does not support UTF-8 (65001). The .idt files are UTF-8 all the same, because msibuild converts them. The language is
# English (1033), because group policy skips a package whose language does not fit the computer's, and takes English
# everywhere. The summary has no time of the build.
table() { sed 's/$/\r/' >"$tables/$1.idt"; }
table _ForceCodepage <<EOF


1251	_ForceCodepage
EOF
table _SummaryInformation <<EOF
PropertyId	Value
i2	l255
_SummaryInformation	PropertyId
1	1251
2	Installation Database
3	Ideco Agent $version
4	Ideco
5	Installer
6	Ideco Agent for Windows 8 and newer
7	x64;1033
9	{C3D7E5A8-1B6A-4B0E-A9C8-2F4D6E8A0B03}
12	2020/01/01 00:00:00
13	2020/01/01 00:00:00
14	500
15	2
18	msitools
19	2
EOF
dialogs='ActionText CheckBox Control ControlCondition ControlEvent Dialog EventMapping ListBox TextStyle'
for name in $dialogs; do
	table "$name" <"$here/dialogs/$name.idt"
done

(
	cd "$work"
	export TZ=UTC LC_ALL=C.UTF-8
	wixl -a x64 -D "Version=$version" -D "Pad=$pad" ${wintun_version:+-D "Wintun=$wintun_version"} -o template.msi installer.wxs

	# The code page comes before everything that is not ASCII.
	msibuild template.msi -i "$tables/_ForceCodepage.idt"
	msibuild template.msi -i "$tables/_SummaryInformation.idt"
	for name in $dialogs; do
		msibuild template.msi -i "$tables/$name.idt"
	done

	# The Upgrade row is inserted anew because its Attributes are part of the key: 513 also removes the same version, with
	# another gateway's address in it.
	upgrade=$(sed -n 's/.*UpgradeCode="\([^"]*\)".*/\1/p' installer.wxs)
	# wixl adds 2048 (no impersonation) to an action that only sets a property. Of the two programs the one that fits Windows
	# is installed; 320 = 64 bits (256), and the condition is evaluated again at a repair (64), so that a computer that goes
	# from Windows 8.1 to 10 gets the other program.
	msibuild template.msi \
		-q "UPDATE Property SET Value='Айдеко Агент' WHERE Property='ProductName'" \
		-q "UPDATE Property SET Value='UTM_ADDRESS;UTM_PIN;WIX_UPGRADE_DETECTED;WIX_DOWNGRADE_DETECTED' WHERE Property='SecureCustomProperties'" \
		-q "UPDATE LaunchCondition SET Description='Для программы «Айдеко Агент» нужна Windows 8 или новее.' WHERE Condition='Installed OR VersionNT >= 602'" \
		-q "UPDATE Component SET Attributes=320, Condition='WINDOWS_MAJOR AND WINDOWS_MAJOR <> \"#6\"' WHERE Component='Program'" \
		-q "UPDATE Component SET Attributes=320, Condition='NOT WINDOWS_MAJOR OR WINDOWS_MAJOR = \"#6\"' WHERE Component='ProgramWin8'" \
		-q "UPDATE LaunchCondition SET Description='На этом компьютере уже есть более новая версия программы «Айдеко Агент». Чтобы установить эту, сначала удалите её.' WHERE Condition='NOT WIX_DOWNGRADE_DETECTED'" \
		-q "DELETE FROM Upgrade WHERE ActionProperty='WIX_UPGRADE_DETECTED'" \
		-q "INSERT INTO Upgrade (UpgradeCode, VersionMax, Attributes, ActionProperty) VALUES ('$upgrade', '$version', 513, 'WIX_UPGRADE_DETECTED')" \
		-q "UPDATE CustomAction SET Type=51 WHERE Type=2099"

	# The installation fails when the service cannot be registered (32768). The service is stopped before files are removed or
	# written, because its process ends a moment later and keeps its file until then. The version before is removed within the
	# transaction (from 1500 on), so that it comes back when the installation fails. An upgrade does not delete the service:
	# while somebody has the list of services open, Windows could not create it again (error 1072).
	msibuild template.msi \
		-q "UPDATE ServiceInstall SET DisplayName='Айдеко Агент', ErrorControl=32769, Description='Соединяет этот компьютер с сетью организации через шлюз.' WHERE Name='IdecoAgent'" \
		-q "UPDATE InstallExecuteSequence SET Sequence=1501 WHERE Action='RemoveExistingProducts'" \
		-q "UPDATE InstallExecuteSequence SET Sequence=1510 WHERE Action='StopServices'" \
		-q "UPDATE InstallExecuteSequence SET Sequence=1520, Condition='VersionNT AND NOT UPGRADINGPRODUCTCODE' WHERE Action='DeleteServices'" \
		-q "UPDATE Shortcut SET Name='IDECOA~1|Айдеко Агент', Description='Доступ в интернет и к сети организации через шлюз' WHERE Shortcut='StartMenu'"

	# The service's files go before their directories, and a directory goes only when it is empty. Wine knows no "*", so the
	# names are given too; those of older logs have a time in them and are for "*" alone.
	remove() { # KEY DIRECTORY [NAME]
		msibuild template.msi -q "INSERT INTO RemoveFile (FileKey, Component_, DirProperty, InstallMode${3:+, FileName}) VALUES ('$1', 'Gateway', '$2', 2${3:+, '$3'})"
	}
	remove RemoveServiceFiles RemovedServiceDir '*'
	remove RemoveServiceDevice RemovedServiceDir device
	remove RemoveServiceTrust RemovedServiceDir trust
	remove RemoveServiceLog RemovedServiceDir service.log
	remove RemoveServiceFolder RemovedServiceDir
	remove RemoveAgentFolder InstallDir
	remove RemoveIdecoFolder IdecoFolder

	# A removal takes the VPN's DNS rule away, which a program that was killed may have left: a row "-" without a value deletes
	# its key with the component. The keys are those of agent/client/tunnel/nrpt.go.
	rule='{8A3E1F60-5C0B-4B7E-9D52-1F6C3A7B14F1}'
	msibuild template.msi \
		-q "INSERT INTO Registry (Registry, Root, \`Key\`, Name, Component_) VALUES ('RemoveDnsRule', 2, 'SYSTEM\\CurrentControlSet\\Services\\Dnscache\\Parameters\\DnsPolicyConfig\\$rule', '-', 'Gateway')" \
		-q "INSERT INTO Registry (Registry, Root, \`Key\`, Name, Component_) VALUES ('RemoveDnsPolicyRule', 2, 'SOFTWARE\\Policies\\Microsoft\\Windows NT\\DNSClient\\DnsPolicyConfig\\$rule', '-', 'Gateway')"

	# The order of the dialogs. The last one starts the program as the signed-in user and does not wait for it (34 + 64 + 128).
	# AppSearch runs in the execute sequence only, with the rights of the installer (see installer.wxs). After a launch condition
	# has refused with its own message, FailedDialog would give wrong advice.
	msibuild template.msi \
		-q "INSERT INTO CustomAction (Action, Type, Source, Target) VALUES ('LaunchAgent', 226, 'InstallDir', '\"[InstallDir]IdecoAgent.exe\"')" \
		-q "DELETE FROM InstallUISequence WHERE Action='AppSearch'" \
		-q "INSERT INTO InstallUISequence (Action, Condition, Sequence) VALUES ('DropAddress', 'UTM_ADDRESS = \"?\"', 1230)" \
		-q "INSERT INTO InstallUISequence (Action, Condition, Sequence) VALUES ('AddressDialog', 'NOT Installed AND NOT UTM_ADDRESS', 1240)" \
		-q "INSERT INTO InstallUISequence (Action, Condition, Sequence) VALUES ('MaintenanceDialog', 'Installed AND NOT Preselected AND NOT REMOVE AND NOT REINSTALL AND NOT RESUME', 1250)" \
		-q "INSERT INTO InstallUISequence (Action, Sequence) VALUES ('ProgressDialog', 1280)" \
		-q "INSERT INTO InstallUISequence (Action, Sequence) VALUES ('FinishDialog', -1)" \
		-q "INSERT INTO InstallUISequence (Action, Sequence) VALUES ('StoppedDialog', -2)" \
		-q "INSERT INTO InstallUISequence (Action, Condition, Sequence) VALUES ('FailedDialog', 'NOT WIX_DOWNGRADE_DETECTED AND VersionNT >= 602', -3)"

	# Windows wants an 8.3 name before a longer one.
	msibuild template.msi \
		-q "UPDATE File SET FileName='IDECOA~1.EXE|IdecoAgent.exe' WHERE FileName='IdecoAgent.exe'"
	if [ -n "$wintun" ]; then
		msibuild template.msi -q "UPDATE File SET FileName='WINTUN~1.TXT|wintun-LICENSE.txt' WHERE FileName='wintun-LICENSE.txt'"
	fi

	# Windows wants the rows of a table in the order of their primary keys, where a text counts by its number in the pool of
	# strings (error 2219). libmsi puts a row in the wrong place when a text of its key is new in the pool. By now no text is
	# new, so exporting and importing the tables sorts them.
	for name in $dialogs CustomAction InstallExecuteSequence InstallUISequence Registry RemoveFile Upgrade; do
		msiinfo export template.msi "$name" >"$tables/$name.idt"
		msibuild template.msi -q "DROP TABLE $name" -i "$tables/$name.idt"
	done
)
cp "$work/template.msi" "$out.new"
mv "$out.new" "$out"
