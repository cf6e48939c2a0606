#!/usr/bin/env bash
# A host with an unknown or a changed key is refused, named, and counted as
# unreachable; nothing is done to it.
. "$(dirname "$0")/lib.sh"

fleet up 5
fleet release v1 "$work/v1"
fleet release v2 "$work/v2"
plan v1
expect 0 grayctl hosts add --fleet "$work/fleet/fleet.yaml" --yes
expect 0 grayctl rollout "$work/v1.yaml" --yes
old=$(digest_of feed)
curl -sS -X POST --unix-socket "$GRAY_HOME/grayd.sock" http://grayd/v1/shutdown >/dev/null

ssh-keygen -q -t ed25519 -N '' -f "$work/other"
one=$(<"$FLEET_DIR/hosts/web-1/address")
two=$(<"$FLEET_DIR/hosts/web-2/address")
sed -i -e "/^\\[$one\\]/d" -e "/^\\[$two\\]/s/ .*/ $(cut -d' ' -f1,2 "$work/other.pub" | sed 's|/|\\/|g')/" \
  "$FLEET_DIR/known_hosts"

BUDGET_UNREACHABLE=3 plan v2
expect 0 grayctl rollout "$work/v2.yaml" --yes --detach
counted() { grayctl status feed --json | jq -e '.hosts.unreachable == 2'; }
await 30 counted
grayctl status feed --json >"$work/out"
jq -r '.problems[] | "\(.host): \(.text)"' "$work/out" >"$work/problems"
cat "$work/problems"
grep -q 'not in .*known_hosts' "$work/problems" || fail "the unknown key is not named"
grep -qi 'changed\|does not match\|not the one' "$work/problems" || fail "the changed key is not named"
settled() { [ "$(hosts_on "$(digest_of feed)")" = 3 ]; }
await 30 settled
for host in web-1 web-2; do
  [ "$(basename "$(readlink "$FLEET_DIR/hosts/$host/srv/feed/current")")" = "$old" ] || fail "$host was switched"
done
grayctl abort feed --reason "seen enough" >/dev/null || is_state feed succeeded # it was faster
