# lib.sh - what the end-to-end tests share: a fleet, a controller, a plan.
#
# Sourced first. Everything lives in $work and ends with the test.
# shellcheck shell=bash
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=$top/${B:-build/release}/bin
work=$(mktemp -d /tmp/gray-e2e-XXXXXX)
export GRAY_HOME=$work/home FLEET_DIR=$work/fleet PATH=$bin:$PATH NO_COLOR=1

fleet() { "$top/tests/fleet/fleet" "$@"; }
fail() {
  echo "FAILED: $*"
  exit 1
}
# expect STATUS COMMAND...: the command's output is left in $work/out
expect() {
  local want=$1 got=0
  shift
  "$@" >"$work/out" 2>&1 || got=$?
  [ "$got" = "$want" ] || {
    cat "$work/out"
    fail "exit $got, not $want: $*"
  }
}
says() { grep -qE "$1" "$work/out" || { cat "$work/out"; fail "does not say: $1"; }; }
api() { curl -sS --max-time 20 --unix-socket "$GRAY_HOME/grayd.sock" "http://grayd$1"; }
grayd_pid() { cut -d' ' -f1 "$GRAY_HOME/grayd.lock"; }
state_of() { grayctl status "$1" --json | jq -r .state; }
# await SECONDS COMMAND...: until it succeeds
await() {
  local until=$((SECONDS + $1))
  shift
  while ! "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $until ] || fail "not in time: $*"
    sleep 0.1
  done
}
is_state() { [ "$(state_of "$1")" = "$2" ]; }

finish() {
  local status=$?
  [ $status -eq 0 ] || { grayctl status; grayctl log; } 2>/dev/null || true
  [ ! -S "$GRAY_HOME/grayd.sock" ] || curl -sS --max-time 5 -X POST --unix-socket "$GRAY_HOME/grayd.sock" \
    http://grayd/v1/shutdown >/dev/null 2>&1 || true
  [ $status -eq 0 ] || tail -n 30 "$GRAY_HOME/grayd.log" 2>/dev/null || true
  [ ! -d "$FLEET_DIR" ] || fleet down >/dev/null 2>&1 || true
  rm -rf "$work"
  exit $status
}
trap finish EXIT

# hosts_on DIGEST: how many hosts' current names that release
hosts_on() {
  local n=0 link
  for link in "$FLEET_DIR"/hosts/*/srv/feed/current; do
    [ "$(basename "$(readlink "$link" 2>/dev/null)")" != "$1" ] || n=$((n + 1))
  done
  echo $n
}

# plan VERSION [LINES]: writes $work/VERSION.yaml for the release in $work/VERSION;
# LINES replace the stages
plan() {
  local version=$1 stages=${2:-'  - {name: all, hosts: 100%, bake: 1s, gates: [health]}'}
  cat >"$work/$version.yaml" <<PLAN
service: feed
release: {dir: $version, version: $version}
fleet: fleet/fleet.yaml
deploy:
  root: /srv/feed
  restart: {command: [bin/restart], timeout: 5s}
  probe: {http: "http://{address}:8080/healthz", timeout: 5s}
  min_healthy_time: ${MIN_HEALTHY:-200ms}
  max_unavailable: ${MAX_UNAVAILABLE:-20%}
  budget: {failed: ${BUDGET_FAILED:-1}, unreachable: ${BUDGET_UNREACHABLE:-2%}, unhealthy: 0}
  confirm: ${CONFIRM:-60s}
metrics:
  - {prometheus: "http://{address}:8080/metrics"}
stages:
$stages
gates:
  - {name: errors, ratio: {bad: 'http_requests_total{code=~"5.."}', total: http_requests_total}, max: 0.02, interval: 1s}
  - {name: health, probe: {http: "http://{address}:8080/healthz", timeout: 3s}, interval: 2s}
PLAN
}
# A restart that is counted on the host; with PAUSE the service is away so long.
count_restarts() { # RELEASE [PAUSE]
  mv "$1/bin/restart" "$1/bin/restart-service"
  cat >"$1/bin/restart" <<'RESTART'
#!/bin/sh
date +%s.%N >>"$GRAY_ROOT/shared/restarts"
RESTART
  [ -z "${2:-}" ] || cat >>"$1/bin/restart" <<RESTART
kill -9 "\$(cat "\$GRAY_ROOT/shared/service.pid")" 2>/dev/null
sleep $2
RESTART
  cat >>"$1/bin/restart" <<'RESTART'
exec "${0%/*}/restart-service"
RESTART
  chmod 755 "$1/bin/restart"
}
restarts() { wc -l <"$1/srv/feed/shared/restarts"; } # HOST-DIR
digest_of() { grayctl status "$1" --json | jq -r .release; }

# Left to themselves: six hosts are unconfirmed on v2, two of them may be down
# at once, and after `leave_alone COMMAND...` nobody extends their leases.
set_up_unconfirmed() {
  hosts=6
  fleet up "$hosts"
  export CONFIRM=45s MAX_UNAVAILABLE=2
  fleet release v1 "$work/v1"
  fleet release v2 "$work/v2"
  count_restarts "$work/v1" 1
  count_restarts "$work/v2" 1
  plan v1
  plan v2 '  - {name: all, hosts: 100%, bake: 5m, gates: [health]}'
  expect 0 grayctl hosts add --yes --fleet "$work/fleet/fleet.yaml"
  expect 0 grayctl rollout "$work/v1.yaml" --yes
  old=$(digest_of feed)
  expect 0 grayctl rollout "$work/v2.yaml" --yes --detach
  await 90 are unconfirmed "$hosts"
}
# are WHAT N: so many hosts are that, as the controller knows
are() { [ "$(grayctl status feed --json | jq ".hosts.$1")" = "$2" ]; }
all_on() { [ "$(hosts_on "$1")" = "$2" ]; }
leave_alone() {
  local start limit worst=0 down host
  "$@"
  start=$SECONDS
  # The lease; three slots of (D + V) * 7/6 = (5 + 5 + 0.2 + 10) * 7/6 s; 5 s.
  limit=$((45 + 3 * 24 + 5))
  while ! all_on "$old" "$hosts"; do
    [ $((SECONDS - start)) -le $limit ] || fail "after $limit s only $(hosts_on "$old") of $hosts are back"
    down=0
    for host in "$FLEET_DIR"/hosts/*; do
      curl -sf --max-time 1 -o /dev/null "http://$(<"$host/address"):8080/healthz" || down=$((down + 1))
    done
    [ $down -le $worst ] || worst=$down
    sleep 0.1
  done
  echo "all back after $((SECONDS - start)) s of at most $limit; at most $worst down at once"
  [ $worst -ge 1 ] || fail "no host was seen to be down: this test would not notice"
  [ $worst -le 2 ] || fail "$worst hosts were down at once"
}
