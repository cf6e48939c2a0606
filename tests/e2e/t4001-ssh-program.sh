#!/usr/bin/env bash
# Three hosts, all over the ssh program: the agent is brought to them, a whole
# rollout and its rollback pass although sessions are killed, and nothing is
# left running when the controller ends.
. "$(dirname "$0")/lib.sh"

fleet up 3
# The user is what the configuration says, and only there.
sed -i 's/ user: deploy,//; s/^ssh: .*/ssh: {identity: id_ed25519, known_hosts: known_hosts, config: ssh_config, transport: ssh}/' \
  "$FLEET_DIR/fleet.yaml"
printf 'Host 127.*\n  User deploy\n' >"$FLEET_DIR/ssh_config"
sessions() { pgrep -P "$(grayd_pid)" -x ssh; }
has_sessions() { [ "$(sessions | wc -l)" = "$1" ]; }

# A key nobody knows is shown, and taken by its fingerprint only.
mv "$FLEET_DIR/known_hosts" "$work/known_hosts"
print=$(ssh-keygen -lf "$FLEET_DIR/host_key.pub" | cut -d' ' -f2)
expect 5 grayctl hosts add --fleet "$FLEET_DIR/fleet.yaml"
grep -qF "$print" "$work/out" || fail "the key is not shown"
expect 5 grayctl hosts add --fleet "$FLEET_DIR/fleet.yaml" --fingerprint "SHA256:$(printf 'A%.0s' {1..43})"
expect 0 grayctl hosts add --fleet "$FLEET_DIR/fleet.yaml" --fingerprint "$print"
sort "$FLEET_DIR/known_hosts" | cmp - <(sort "$work/known_hosts") || fail "known_hosts is not what it was"

for v in v1 v2; do fleet release $v "$work/$v"; done
plan v1
plan v2 '  - {name: one, hosts: 1, bake: 4s, gates: [health]}
  - {name: all, hosts: 100%, bake: 4s, gates: [health]}'
expect 0 grayctl rollout "$work/v1.yaml" --yes --reason install
v1=$(digest_of feed)

expect 0 grayctl rollout "$work/v2.yaml" --yes --reason better --detach
await 10 has_sessions 3
sessions | xargs kill -9
await 30 is_state feed succeeded
[ "$(hosts_on "$(digest_of feed)")" = 3 ] || fail "v2 is not on all hosts"
expect 0 grayctl rollback feed --reason "try it"
await 20 is_state feed rolled_back
[ "$(hosts_on "$v1")" = 3 ] || fail "v1 is not on all hosts"

fleet release v3 "$work/v3"
plan v3 '  - {name: all, hosts: 100%, bake: 60s, gates: [health]}'
expect 0 grayctl rollout "$work/v3.yaml" --yes --reason more --detach
await 10 has_sessions 3
sessions >"$work/ssh"
pid=$(grayd_pid)
kill -9 "$pid"
is_over() { ! xargs -n1 -I{} test -e /proc/{}/exe <"$work/ssh"; }
await 10 is_over
