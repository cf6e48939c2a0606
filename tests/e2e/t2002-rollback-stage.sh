#!/usr/bin/env bash
# `rollback R --stage NAME` in the third stage: its hosts and later ones are on
# the old release, the rollout is paused before NAME, and `resume` does it again.
. "$(dirname "$0")/lib.sh"
hosts=8

fleet up $hosts
fleet release v1 "$work/v1"
fleet release v2 "$work/v2"
plan v1
plan v2 '  - {name: one,   hosts: 1,    bake: 1s}
  - {name: two,   hosts: 3,    bake: 1s}
  - {name: three, hosts: 6,    bake: 30s}
  - {name: four,  hosts: 100%, bake: 1s}'
expect 0 grayctl hosts add --fleet "$work/fleet/fleet.yaml" --yes
expect 0 grayctl rollout "$work/v1.yaml" --yes
old=$(digest_of feed)
fleet load start 50
expect 0 grayctl rollout "$work/v2.yaml" --yes --detach
in_third() { grayctl status feed --json | jq -e '.stages[2].state == "baking"'; }
await 60 in_third
new=$(digest_of feed)
[ "$(hosts_on "$new")" = 6 ] || fail "$(hosts_on "$new") hosts in the third stage"

expect 0 grayctl rollback feed --stage three --reason "looks slow"
await 30 is_state feed paused
[ "$(hosts_on "$new")" = 3 ] || fail "$(hosts_on "$new") hosts on the new release after rollback --stage"
[ "$(hosts_on "$old")" = 5 ] || fail "$(hosts_on "$old") hosts on the old release after rollback --stage"
expect 0 grayctl why feed
says 'three'

expect 0 grayctl resume feed --reason "it was the network"
await 60 in_third
[ "$(hosts_on "$new")" = 6 ] || fail "resume did not do the stage again"
expect 0 grayctl promote feed --reason "seen enough"
await 60 is_state feed succeeded
[ "$(hosts_on "$new")" = $hosts ] || fail "not all hosts are on the new release"

# and back, long after success
expect 0 grayctl rollback feed --reason "second thoughts"
await 60 is_state feed rolled_back
[ "$(hosts_on "$old")" = $hosts ] || fail "$(hosts_on "$old") hosts on the old release after a late rollback"
