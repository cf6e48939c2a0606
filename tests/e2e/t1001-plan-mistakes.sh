#!/usr/bin/env bash
# A plan with ten different mistakes gives ten located messages, exit 2, and
# starts nothing.
. "$(dirname "$0")/lib.sh"

mkdir -p "$work/v1/bin"
echo x >"$work/v1/bin/x"
cat >"$work/fleet.yaml" <<'FLEET'
hosts:
  - {name: "web-[1:4]", address: "127.9.1.[1:4]", labels: {role: feed}}
FLEET
cat >"$work/plan.yaml" <<'PLAN'
service: feed me
release: {dir: v1, version: v1, color: red}
fleet: fleet.yaml
hosts: role=feed andd x
deploy:
  root: srv/feed
  restart: {systemdd: feed.service}
  max_unavailable: 120%
  confirm: soon
stages:
  - {name: one, hosts: 1}
  - {name: one, hosts: 1}
  - {name: all, hosts: -3}
gates:
  - {name: errors, ratio: {bad: x}, max: 0.1}
on_failure: explode
PLAN
expect 2 grayctl plan "$work/plan.yaml"
n=$(grep -cE 'plan\.yaml:[0-9]+:[0-9]+: [a-z]' "$work/out")
[ "$n" -ge 10 ] || { cat "$work/out"; fail "only $n located messages"; }
for line in 1 2 4 6 7 8 9 12 13 15 16; do
  says "plan\.yaml:$line:[0-9]+: "
done
says 'did you mean'

expect 2 grayctl rollout "$work/plan.yaml" --yes
expect 0 grayctl status --json
[ "$(jq -s 'length' "$work/out")" = 0 ] || jq -e '.rollouts | length == 0' "$work/out" >/dev/null ||
  fail "a refused plan left a rollout: $(cat "$work/out")"
