#!/usr/bin/env bash
# kill -9 of the controller, or a cut connection, after a switch: the hosts are
# back on the old release by themselves within confirm + slots + 5 s, and never
# more than max_unavailable of them are down at once.
. "$(dirname "$0")/lib.sh"
hosts=6

fleet up $hosts
export CONFIRM=45s MAX_UNAVAILABLE=2
fleet release v1 "$work/v1"
fleet release v2 "$work/v2"
count_restarts "$work/v1" 1
count_restarts "$work/v2" 1
plan v1
plan v2 '  - {name: all, hosts: 100%, bake: 5m, gates: [health]}'
expect 0 grayctl hosts add --fleet "$work/fleet/fleet.yaml" --yes
expect 0 grayctl rollout "$work/v1.yaml" --yes
old=$(digest_of feed)
expect 0 grayctl rollout "$work/v2.yaml" --yes --detach
new=$(grayctl status feed --json | jq -r .release)
all_on() { [ "$(hosts_on "$1")" = "$2" ]; }
await 90 all_on "$new" $hosts

pid=$(grayd_pid)
kill -9 "$pid"
start=$SECONDS
# The lease; three slots of (D + V) * 7/6 = (5 + 5 + 0.2 + 10) * 7/6 s; 5 s.
limit=$((45 + 3 * 24 + 5))
worst=0
while ! all_on "$old" $hosts; do
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

expect 0 grayctl status feed
says 'feed'
expect 0 grayctl abort feed --reason "gone by itself"
await 60 is_state feed rolled_back
