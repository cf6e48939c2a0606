#!/usr/bin/env bash
# `grayctl releases`: what was released, to which end, what is in it, and what
# differs. The hosts are addresses where nobody listens.
. "$(dirname "$0")/lib.sh"

mkdir -p "$work/v1/bin" "$work/v2/bin"
echo one >"$work/v1/bin/feed"
echo shared | tee "$work/v1/notes" >"$work/v2/notes"
echo old >"$work/v1/old"
echo twice >"$work/v2/bin/feed"
chmod 755 "$work/v1/bin/feed" "$work/v2/bin/feed"
ln -s notes "$work/v2/link"
cat >"$work/fleet.yaml" <<'FLEET'
hosts:
  - {name: "web-[1:3]", address: "127.0.1.[1:3]", port: 1}
FLEET
for version in v1 v2; do
  plan $version '  - {name: all, hosts: 100%, bake: 1s}'
  sed -i 's|fleet/fleet.yaml|fleet.yaml|' "$work/$version.yaml"
done
release() { # VERSION: begun, and given up
  expect 0 grayctl rollout "$work/$1.yaml" --yes --detach
  expect 0 grayctl abort feed --reason "only its release is wanted"
  await 20 is_over
}
is_over() { [ "$(grayctl status --active --json | jq '.rollouts | length')" = 0 ]; }

expect 0 grayctl releases
says 'no releases'
release v1
release v2
release v1
expect 0 grayctl releases list --json
jq -e '.releases | length == 2 and .[0].version == "v1" and .[0].files == 3 and .[0].bytes == 15
  and (.[0].rollouts | map(.id)) == ["feed-1", "feed-3"] and .[0].state == "rolled_back"' "$work/out" >/dev/null ||
  fail "$(cat "$work/out")"
expect 0 grayctl releases --service feed
says '^feed +v2 .* rolled_back +0 +feed-2'
expect 0 grayctl releases --service other
says 'no releases'

digest=$(grayctl releases list --json | jq -r '.releases[] | select(.version == "v2").release')
for name in v2 "$digest" "${digest:0:8}"; do
  expect 0 grayctl releases show "$name" --json
  jq -e --arg digest "$digest" '.release == $digest and .stored and
    [.entries[].path] == ["bin/feed", "link", "notes"] and .entries[0].mode == "0755"' "$work/out" >/dev/null ||
    fail "$name: $(cat "$work/out")"
done
expect 0 grayctl releases show v2
says 'link .* link +notes'
says 'feed-2 +rolled_back'
expect 2 grayctl releases show v3
says 'did you mean v[12]'

expect 0 grayctl releases diff v1 v2
says '^\+ link  -> notes'
says '^- old '
says '^~ bin/feed .* was 4 bytes'
says '1 added, 1 removed, 1 changed, 1 the same; 6 B'
expect 0 grayctl releases diff v1 "$digest" --json
jq -e '.from.version == "v1" and .to.version == "v2" and .new_bytes == 6' "$work/out" >/dev/null || fail "not the difference"

# One version, two contents: say which.
echo changed >>"$work/v1/notes"
release v1
expect 2 grayctl releases show v1
says 'may be any of 2 releases: feed v1 [0-9a-f]{12}, feed v1 [0-9a-f]{12}'
