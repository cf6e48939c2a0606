#!/usr/bin/env bash
# 50 hosts under real load: a good plan ends on all 50 with not one request
# failed; a bad release is rolled back by itself and the log says everything.
. "$(dirname "$0")/lib.sh"
hosts=50

fleet up $hosts
fleet release v1 "$work/v1"
fleet release v2 "$work/v2"
fleet release v3 --errors 20% "$work/v3"
stages='  - {name: one-box, hosts: 1,    bake: 3s}
  - {name: canary,  hosts: 20%,  bake: 4s}
  - {name: half,    hosts: 50%,  bake: 3s}
  - {name: all,     hosts: 100%, bake: 2s}'
plan v1
plan v2 "$stages"
plan v3 "$stages"

expect 0 grayctl hosts add --fleet "$work/fleet/fleet.yaml" --yes
expect 0 grayctl rollout "$work/v1.yaml" --yes --reason install
[ "$(hosts_on "$(digest_of feed)")" = $hosts ] || fail "v1 is not on all hosts"
old=$(digest_of feed)

fleet load start 300
expect 0 grayctl rollout "$work/v2.yaml" --yes --reason "a good one"
fleet load stop --json >"$work/load"
cat "$work/load"
new=$(digest_of feed)
[ "$(hosts_on "$new")" = $hosts ] || fail "v2 is on $(hosts_on "$new") of $hosts hosts"
[ "$(hosts_on "$old")" = 0 ] || fail "v1 is left on some host"
jq -e '.ok > 1000 and .failed == 0 and .errors == 0' "$work/load" >/dev/null || fail "requests failed in a good rollout"

fleet load start 300
expect 1 grayctl rollout "$work/v3.yaml" --yes --reason "a bad one"
fleet load stop --json >"$work/load"
cat "$work/load"
[ "$(state_of feed)" = rolled_back ] || fail "v3 ended as $(state_of feed)"
[ "$(hosts_on "$new")" = $hosts ] || fail "after the rollback only $(hosts_on "$new") hosts are on v2"
jq -e '.failed == 0' "$work/load" >/dev/null || fail "connections failed in a rollback"

expect 0 grayctl log
says 'a bad one'
says 'errors: [0-9,]+ of [0-9,]+ requests'
says '[0-9]+ hosts? (was|were) exposed'
expect 0 grayctl log verify
expect 0 grayctl log --json
jq -se 'map(select(.who != null and .time != null and .rollout == "feed-3")) | length > 4' "$work/out" >/dev/null ||
  fail "the log lacks who and when"
