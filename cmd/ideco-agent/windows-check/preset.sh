#!/bin/bash
# preset.sh PORTAL OUT ADDRESS [OUT ADDRESS]...
#
# Downloads installers as users do: starts the gateway program PORTAL on this machine, on ports that need no root. For each
# pair it saves ADDRESS as the gateway's domain and downloads IdecoAgent.msi to OUT. Needs curl.
set -euo pipefail

if [ $# -lt 3 ] || [ $(($# % 2)) -ne 1 ]; then
	sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
	exit 2
fi
portal=$1
shift
work=$(mktemp -d "${TMPDIR:-/tmp}/ideco-preset.XXXXXX")
pid=
trap '[ -z "$pid" ] || { kill "$pid" 2>/dev/null; wait "$pid"; } || true; rm -rf "$work"' EXIT

password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
printf '%s\n' "$password" | "$portal" --data "$work/data" admin create --login boss >/dev/null
"$portal" --data "$work/data" serve --portal-listen 127.0.0.1:18443 --agent-listen 127.0.0.1:24765 --http-listen 127.0.0.1:18080 \
	--tunnel off --firewall off 2>"$work/log" &
pid=$!

# call METHOD PATH JSON sends a request. It trusts only the gateway's own root certificate.
call() {
	curl --silent --show-error --fail --max-time 60 --cacert "$work/data/root.pem" --cookie "$work/jar" --cookie-jar "$work/jar" \
		--request "$1" --header 'Content-Type: application/json' --data "$3" "https://127.0.0.1:18443$2" >/dev/null
}

if ! curl --silent --output /dev/null --retry 60 --retry-delay 1 --retry-connrefused --max-time 60 --cacert "$work/data/root.pem" https://127.0.0.1:18443/healthz; then
	cat "$work/log" >&2
	exit 1
fi
call POST /web/auth/login "{\"login\":\"boss\",\"password\":\"$password\"}"
call PUT /agent_backend/wireguard/state '{"enabled":true}'
while [ $# -gt 0 ]; do
	call PUT /agent_backend/wireguard/setting "{\"auth_domain\":\"$2\"}"
	curl --silent --show-error --fail --max-time 60 --cacert "$work/data/root.pem" --cookie "$work/jar" \
		--output "$1" https://127.0.0.1:18443/download/IdecoAgent.msi
	shift 2
done
