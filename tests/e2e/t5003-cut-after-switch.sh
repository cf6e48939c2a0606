#!/usr/bin/env bash
# The connections are cut after a switch while the controller lives: the hosts
# are back on the old release by themselves within confirm + slots + 5 s, the
# controller counts them as unreachable and pauses; when they answer again, an
# abort settles them.
. "$(dirname "$0")/lib.sh"
set_up_unconfirmed
names=$(cut -d' ' -f1 "$FLEET_DIR/targets")
# shellcheck disable=SC2086 # a list of names
leave_alone fleet cut $names

expect 0 grayctl status feed
says 'unreachable'
[ "$(state_of feed)" != succeeded ] || fail "succeeded on hosts that nobody sees"
# shellcheck disable=SC2086
fleet mend $names
await 60 are unreachable 0
expect 0 grayctl abort feed --reason "the network was cut"
await 60 is_state feed rolled_back
all_on "$old" "$hosts" || fail "only $(hosts_on "$old") of $hosts are on the old release"
for host in "$FLEET_DIR"/hosts/*; do
  [ "$(restarts "$host")" -eq 3 ] || fail "$host: $(restarts "$host") restarts, not 3 (v1, v2, back)"
done
