#!/bin/bash
# systemd-test.sh PACKAGE.deb [FORMER.deb]
#
# Tries the package under a running systemd: installation, the three names of the service, reload, restart, watchdog, upgrade from
# FORMER.deb, removal and purge. It changes this computer and needs root, so it is for a machine that is thrown away afterwards, such
# as a runner of the workflow package.yml. Nothing of the gateway may be installed.
set -euo pipefail

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
	sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
	exit 2
fi
package=$(realpath "$1") former=
[ $# -eq 1 ] || former=$(realpath "$2")
[ "$(id -u)" = 0 ] || { echo "systemd-test.sh: run it as root" >&2; exit 2; }
[ -d /run/systemd/system ] || { echo "systemd-test.sh: systemd does not run here" >&2; exit 2; }
if [ -e /usr/bin/ideco-portal ] || [ -e /var/lib/ideco-portal ]; then
	echo "systemd-test.sh: a gateway is installed here already" >&2
	exit 2
fi
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 LANG=en_US.UTF-8
backend=ideco-agent-backend.service
names="ideco-agent-backend ideco-agent-server ideco-agent-websocket ideco-portal"

step() { echo "== $*"; }
fail() {
	echo "FAILED: $*" >&2
	systemctl --no-pager status $backend >&2 || true
	journalctl --no-pager -u $backend -n 50 >&2 || true
	exit 1
}
main_pid() { systemctl show -p MainPID --value $backend; }
answers() { curl -ksS --retry 20 --retry-connrefused --retry-delay 1 -o /dev/null --max-time 10 "$1"; }
# healthy checks that the service runs and all its parts answer.
healthy() {
	systemctl is-active --quiet $backend || fail "$backend is not active"
	answers https://127.0.0.1:8443/healthz || fail "the portal does not answer"
	answers https://127.0.0.1:14765/healthz || fail "the agent endpoint does not answer"
}
# until_pid_is_not PID waits for another main process of the service, at most 3 minutes.
until_pid_is_not() {
	local now
	for _ in $(seq 180); do
		now=$(main_pid)
		if [ "$now" != 0 ] && [ "$now" != "$1" ] && systemctl is-active --quiet $backend; then return; fi
		sleep 1
	done
	fail "no new process after $1"
}

if [ -n "$former" ]; then
	step "install the former package"
	apt-get install -y "$former"
	healthy
	root=$(sha256sum </var/lib/ideco-portal/root.pem)
	before=$(main_pid)
	step "upgrade"
	apt-get install -y "$package"
	until_pid_is_not "$before"
	[ "$(sha256sum </var/lib/ideco-portal/root.pem)" = "$root" ] || fail "the upgrade has changed the data"
	step "refuse the downgrade"
	if apt-get install -y --allow-downgrades "$former"; then fail "the downgrade was not refused"; fi
	dpkg --configure -a
else
	step "install"
	apt-get install -y "$package"
fi
healthy
[ -s /var/lib/ideco-portal/setup-link ] || fail "there is no setup link"
[ "$(stat -c '%U %a' /var/lib/ideco-portal)" = "ideco-portal 700" ] || fail "others can read the data directory"

step "the names of the service"
for name in $names; do
	[ "$(systemctl show -p MainPID --value "$name")" = "$(main_pid)" ] || fail "$name is another service"
	systemctl --no-pager status "$name" >/dev/null || fail "systemctl status $name"
	systemctl is-enabled --quiet "$name" || fail "$name does not start at boot"
done
[ -n "$(journalctl --no-pager -q -u $backend -n 1)" ] || fail "there is no log"

step "restart under each name; no connection is refused"
for name in $names; do
	before=$(main_pid)
	systemctl restart --no-block "$name"
	# Connections wait while there is no process, because systemd keeps the listeners.
	for _ in $(seq 20); do
		curl -ksS -o /dev/null --max-time 30 https://127.0.0.1:14765/healthz || fail "a connection was refused during the restart of $name"
	done
	until_pid_is_not "$before"
	healthy
done

step "reload"
before=$(main_pid)
systemctl reload $backend
[ "$(main_pid)" = "$before" ] || fail "the reload has started another process"
healthy

step "the watchdog replaces a process that hangs"
before=$(main_pid)
kill -STOP "$before"
until_pid_is_not "$before"
healthy
journalctl --no-pager -u $backend | grep -qi watchdog || fail "the log does not say that the watchdog did it"

step "kill -9"
before=$(main_pid)
kill -KILL "$before"
until_pid_is_not "$before"
healthy

step "security"
systemd-analyze security --no-pager --threshold=23 $backend >/dev/null || fail "systemd-analyze security is worse than 2.3"

step "remove keeps the data"
apt-get remove -y ideco-portal
[ -e /var/lib/ideco-portal/root.pem ] || fail "the data is gone"
if systemctl is-active --quiet $backend; then fail "the service runs after the removal"; fi

step "install again over the data"
apt-get install -y "$package"
healthy

step "purge leaves nothing"
apt-get purge -y ideco-portal
for path in /var/lib/ideco-portal /etc/default/ideco-portal /usr/bin/ideco-portal /etc/systemd/system/$backend /etc/systemd/system/$backend.d \
	/etc/systemd/system/multi-user.target.wants/$backend /etc/systemd/system/ideco-agent-server.service; do
	if [ -e "$path" ] || [ -L "$path" ]; then fail "$path is left"; fi
done
if getent passwd ideco-portal; then fail "the user is left"; fi
if nft list table inet ideco_agent 2>/dev/null; then fail "the firewall's table is left"; fi
if systemctl is-active --quiet $backend; then fail "the service runs"; fi
echo "All passed."
