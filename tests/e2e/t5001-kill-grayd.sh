#!/usr/bin/env bash
# kill -9 of grayd at twenty moments of a rollout, then any grayctl command: the
# rollout ends as it would have, no host was switched twice, none is in between.
. "$(dirname "$0")/lib.sh"
hosts=8

fleet up $hosts
fleet release v1 "$work/v1"
fleet release v2 "$work/v2"
count_restarts "$work/v1"
count_restarts "$work/v2"
plan v1
plan v2 '  - {name: one,  hosts: 1,    bake: 2s}
  - {name: half, hosts: 50%,  bake: 2s}
  - {name: all,  hosts: 100%, bake: 2s}'
expect 0 grayctl hosts add --fleet "$work/fleet/fleet.yaml" --yes
expect 0 grayctl rollout "$work/v1.yaml" --yes
fleet load start 80
for host in "$FLEET_DIR"/hosts/*; do
  restarts "$host" >"$host/before"
done

expect 0 grayctl rollout "$work/v2.yaml" --yes --detach
for _ in {1..20}; do
  sleep "0.$((RANDOM % 9 + 1))"
  kill -9 "$(grayd_pid)" 2>/dev/null || true
  expect 0 grayctl status feed
done
await 120 is_state feed succeeded
new=$(digest_of feed)
[ "$(hosts_on "$new")" = $hosts ] || fail "$(hosts_on "$new") of $hosts on the new release"
for host in "$FLEET_DIR"/hosts/*; do
  n=$(($(restarts "$host") - $(cat "$host/before")))
  [ "$n" = 1 ] || fail "$(basename "$host") was switched $n times"
done
expect 0 grayctl log verify
grayctl status feed --json | jq -e '.hosts.confirmed == .hosts.total' >/dev/null || fail "some host is not confirmed"
