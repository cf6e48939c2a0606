#!/usr/bin/env bash
# grayd by itself: its folder, its socket, every request of gray-api(7), and
# that it goes on after a kill. Its hosts are addresses where nobody listens.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
built=${B:-build/release}
[[ $built == /* ]] || built=$top/$built
work=$(mktemp -d /tmp/gray-e2e-XXXXXX)
export GRAY_HOME=$work/home
socket=$GRAY_HOME/grayd.sock

fail() {
  echo "FAILED: $*"
  sed 's/^/  body: /' "$work/body" 2>/dev/null || true
  tail -n 20 "$GRAY_HOME/grayd.log" 2>/dev/null || true
  exit 1
}
grayd_pid() { cut -d' ' -f1 "$GRAY_HOME/grayd.lock"; }
finish() {
  local status=$?
  [ ! -S "$socket" ] || kill "$(grayd_pid)" 2>/dev/null || true
  rm -rf "$work"
  exit $status
}
trap finish EXIT

# The status of the answer must be the first argument; the body is kept.
ask() { # STATUS METHOD PATH [BODY-FILE]
  local got
  got=$(curl -sS --max-time 20 -o "$work/body" -w '%{http_code}' \
    --unix-socket "$socket" -X "$2" ${4:+--data-binary "@$4"} \
    "http://grayd$3") || fail "no answer to $2 $3"
  [ "$got" = "$1" ] || fail "$2 $3: $got, not $1"
}
is() { # JQ-FILTER VALUE
  local got
  got=$(jq -r "$1" "$work/body")
  [ "$got" = "$2" ] || fail "$1 is \"$got\", not \"$2\""
}
await() { # SECONDS COMMAND...
  local until=$((SECONDS + $1))
  shift
  while ! "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $until ] || fail "not in time: $*"
    sleep 0.1
  done
}
is_gone() { ! kill -0 "$1" 2>/dev/null; }
start() { "$built/bin/grayd" --daemon || fail "grayd did not start"; }

# One grayd a folder; the second names the first.
start
status=0
"$built/bin/grayd" --daemon 2>"$work/second" || status=$?
[ $status = 3 ] || fail "the second grayd ended with $status, not 3"
grep -q "held by process $(grayd_pid) " "$work/second" || fail "not named: $(cat "$work/second")"
[ "$(stat -c %a "$GRAY_HOME/gray.db")" = 600 ] || fail "the database is open to others"
ask 200 GET /v1/version
is .version "$(cat "$top/VERSION")"
is .pid "$(grayd_pid)"

# A path too long for a socket is an error, not another path.
status=0
GRAY_HOME=$work/$(printf 'x%.0s' {1..110}) "$built/bin/grayd" --daemon 2>"$work/long" || status=$?
[ $status = 2 ] || fail "a long path ended with $status, not 2"

# What is not there, and what is not understood.
ask 200 GET /v1/rollouts
is '.rollouts | length' 0
ask 404 GET /v1/rollouts/feed-1
is .error.code not-found
is .error.exit 2
ask 404 GET /v1/nothing
ask 400 PUT /v1/rollouts
echo '{"plan_text": 7' >"$work/broken"
ask 400 POST /v1/rollouts "$work/broken"
head -c 4000000 /dev/zero | tr '\0' ' ' >"$work/huge"
ask 400 POST /v1/rollouts "$work/huge"
is .error.code invalid

# Another user is not let in, whatever the file's mode says.
if [ "$(id -u)" = 0 ]; then
  chmod 711 "$work" "$GRAY_HOME"
  chmod 666 "$socket"
  got=$(setpriv --reuid=65534 --regid=65534 --clear-groups curl -sS -o /dev/null \
    -w '%{http_code}' --unix-socket "$socket" http://grayd/v1/version)
  [ "$got" = 403 ] || fail "a stranger got $got"
fi

# A plan with mistakes: all of them at once, and nothing is begun.
mkdir "$work/release"
echo v1 >"$work/release/feed"
cat >"$work/fleet.yaml" <<'FLEET'
hosts:
  - {name: "web-[1:3]", address: "127.0.1.[1:3]", port: 1}
FLEET
cat >"$work/plan.yaml" <<'PLAN'
service: feed
release: {dir: release, version: v1}
fleet: fleet.yaml
deploy: {root: /srv/feed, restart: none, confirm: 1m}
stages:
  - {name: one-box, hosts: 1, bake: 1s}
  - {name: all, hosts: 100%, bake: 1s}
PLAN
body() { # PLAN-FILE
  jq -n --rawfile text "$1" --arg dir "$work" \
    '{plan_path: "plan.yaml", plan_text: $text, base_dir: $dir, reason: "a test"}'
}
sed 's/restart: none/restrat: none/; s/100%/400%/' "$work/plan.yaml" >"$work/wrong.yaml"
body "$work/wrong.yaml" >"$work/request"
ask 400 POST /v1/rollouts "$work/request"
is '.error.mistakes | length > 1' true
is '.error.mistakes[0] | test("^plan.yaml:[0-9]+:[0-9]+: ")' true
sed 's/dir: release/dir: missing/' "$work/plan.yaml" >"$work/wrong.yaml"
body "$work/wrong.yaml" >"$work/request"
ask 500 POST /v1/rollouts "$work/request"
is '.error.text | test("missing")' true
ask 200 GET /v1/rollouts
is '.rollouts | length' 0

# A rollout that reaches nobody, with somebody who follows it.
body "$work/plan.yaml" >"$work/request"
ask 201 POST /v1/rollouts "$work/request"
is .id feed-1
is .hosts.total 3
is '.stages | length' 2
curl -sSN --max-time 60 --unix-socket "$socket" \
  http://grayd/v1/rollouts/feed/events >"$work/events" &
follower=$!
ask 200 GET '/v1/rollouts/feed?hosts=1'
is '.host_list[2].name' web-3
ask 200 GET /v1/rollouts/feed-1/why
is '.why | length > 10' true
ask 200 GET '/v1/rollouts?active=1&service=feed'
is '.rollouts[0].id' feed-1

# Another waits for it and can only be aborted.
ask 201 POST /v1/rollouts "$work/request"
is .id feed-2
is .state pending
ask 409 POST /v1/rollouts/feed-2/promote
ask 200 POST /v1/rollouts/feed-2/abort
is .state canceled

# Killed, it goes on under a new epoch.
ask 200 GET /v1/rollouts/feed-1
epoch=$(jq .epoch "$work/body")
old=$(grayd_pid)
kill -9 "$old"
await 5 is_gone "$old"
wait $follower || true
start
ask 200 GET /v1/rollouts/feed-1
is ".epoch > $epoch" true
is '.state | IN("progressing", "paused")' true

curl -sSN --max-time 60 --unix-socket "$socket" \
  http://grayd/v1/rollouts/feed-1/events >"$work/events" &
follower=$!
await 5 grep -q '^event: view' "$work/events"
echo '{"reason": "enough"}' >"$work/reason"
ask 200 POST /v1/rollouts/feed-1/abort "$work/reason"
wait $follower || fail "the events did not end by themselves"
grep -q '^event: log' "$work/events" || fail "no log entry among the events"
grep '^data: ' "$work/events" | tail -n 1 | cut -d' ' -f2- |
  jq -e '.state == "rolled_back"' >/dev/null || fail "the last event is not the final state"
ask 409 POST /v1/rollouts/feed-1/pause "$work/reason"
ask 200 GET '/v1/rollouts?active=1'
is '.rollouts | length' 0
ask 200 GET /v1/rollouts
is '.rollouts[0].id' feed-2

# The log says who and why, verifies, and can be checked by sha256sum alone.
ask 200 GET '/v1/log?rollout=feed-1'
is '[.entries[] | select(.kind == "aborted")][0].text | test("enough")' true
is '[.entries[] | select(.kind == "aborted")][0].who | startswith("'"$(id -un)"'") or contains("(as ")' true
jq -j '.entries[1] | "gray-log 1\n\(.prev)\n\(.seq)\n\(.time)\n\(.who)\n\(.service)\n" +
  "\(.rollout)\n\(.kind)\n\(.text)\n"' "$work/body" | sha256sum | cut -d' ' -f1 >"$work/sum"
is '.entries[1].hash' "$(cat "$work/sum")"
ask 200 GET "/v1/log?day=1999-01-01"
is '.entries | length' 0
ask 200 GET /v1/log/verify
is .ok true
is '.entries > 5' true
ask 200 GET /v1/hosts
is '.hosts | length' 0

# It ends when asked, and at once when told to.
pid=$(grayd_pid)
ask 200 POST /v1/shutdown
await 5 is_gone "$pid"
[ ! -S "$socket" ] || fail "the socket is still there"
start
pid=$(grayd_pid)
kill -TERM "$pid"
await 5 is_gone "$pid"
start
ask 200 GET /v1/rollouts
is '.rollouts | length' 2
