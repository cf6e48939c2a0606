#!/usr/bin/env bash
# The fleet on loopback does what the other tests rely on.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
export FLEET_DIR=$work/fleet
fleet=$top/tests/fleet/fleet
trap '"$fleet" down; rm -rf "$work"' EXIT

fail() {
  echo "FAILED: $*"
  exit 1
}

# What an agent does when it activates a release, by hand.
activate() { # HOST VERSION
  local address
  address=$(cat "$FLEET_DIR/hosts/$1/address")
  mkdir -p "$FLEET_DIR/hosts/$1/srv/feed/releases"
  cp -rn "$work/$2" "$FLEET_DIR/hosts/$1/srv/feed/releases/"
  # shellcheck disable=SC2016 # the host's shell's own $
  "$fleet" exec "$1" sh -c 'cd /srv/feed && ln -s "releases/$1" next && mv -T next current &&
    GRAY_ROOT=/srv/feed GRAY_ADDRESS=$2 current/bin/restart' sh "$2" "$address"
}

"$fleet" up 4
"$fleet" release v1 "$work/v1"
"$fleet" release v2 --errors 50% "$work/v2"
"$fleet" release v3 --crash 0 "$work/v3"

# Each host has its own root, processes and boot.
"$fleet" exec web-1 touch /srv/mine
[ "$("$fleet" ssh web-2 ls /srv)" = "" ] || fail "hosts share /srv"
[ "$("$fleet" ssh web-2 hostname)" = web-2 ] || fail "ssh reached another host"
before=$("$fleet" ssh web-2 cat /proc/sys/kernel/random/boot_id)
[ "$before" != "$("$fleet" ssh web-1 cat /proc/sys/kernel/random/boot_id)" ] || fail "hosts share a boot_id"
[ "$("$fleet" ssh web-1 'exit 7' || echo $?)" = 7 ] || fail "exit status is lost"

# Restarts under load lose no request; a bad release is seen as bad.
for host in web-1 web-2 web-3 web-4; do activate $host v1; done
"$fleet" load start 300
for _ in 1 2 3; do
  for host in web-1 web-2; do activate $host v1; done
done
activate web-3 v3 && fail "a release that cannot start says it started"
sleep 1
"$fleet" load stop --json >"$work/report"
[ "$(jq '.ok > 300 and .failed == 0 and .errors == 0' "$work/report")" = true ] ||
  fail "requests were lost: $(cat "$work/report")"
activate web-4 v2
"$fleet" load 300 2 --json >"$work/report"
[ "$(jq '[.hosts[] | select(.errors > 0) | .name] == ["web-4"]' "$work/report")" = true ] ||
  fail "v2 on web-4 alone gives errors: $(cat "$work/report")"
curl -s "http://$(cat "$FLEET_DIR/hosts/web-4/address"):8080/metrics" >"$work/metrics"
grep -q '^http_requests_total{code="500"} [1-9]' "$work/metrics" || fail "no errors are counted"
grep -q '^build_info{version="v2"} 1' "$work/metrics" || fail "no build_info"

# A cut host goes on, out of reach; a killed one is gone and comes back.
"$fleet" cut web-1
timeout 1 "$fleet" ssh web-1 true && fail "a cut host answers"
curl -sf "http://$(cat "$FLEET_DIR/hosts/web-1/address"):8080/healthz" >"$work/health" ||
  fail "the service of a cut host is down"
"$fleet" mend web-1
"$fleet" ssh web-1 true
"$fleet" kill web-2
timeout 1 curl -s "http://$(cat "$FLEET_DIR/hosts/web-2/address"):8080/healthz" && fail "a dead host answers"
"$fleet" status >"$work/status"
grep -q '^web-2 .* dead' "$work/status" || fail "web-2 is not dead"
"$fleet" boot web-2
[ "$("$fleet" ssh web-2 cat /proc/sys/kernel/random/boot_id)" != "$before" ] || fail "a boot keeps the boot_id"
curl -sf "http://$(cat "$FLEET_DIR/hosts/web-2/address"):8080/healthz" >"$work/health" ||
  fail "the service is down after the boot"

"$fleet" add 2
[ "$("$fleet" status | grep -c ' up ')" = 6 ] || fail "not six hosts up"

pids=$(cat "$FLEET_DIR"/hosts/*/init.pid "$FLEET_DIR/sshd.pid")
"$fleet" down
for pid in $pids; do
  [ -e "/proc/$pid/exe" ] && fail "process $pid is left behind"
done
[ ! -e "$FLEET_DIR" ] || fail "the folder is left behind"
