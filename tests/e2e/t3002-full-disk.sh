#!/usr/bin/env bash
# A full disk stops a stage, which leaves nothing; it does not stop a revert.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
top=$(cd "$(dirname "$0")/../.." && pwd)
B=${B:-build/release}
agent=$(realpath "$B/bin/gray-agent")
driver=$(realpath "$B/tests/fault/driver")
work=$(mktemp -d)
root=$work/srv/feed
export HOME=$work/home
mkdir -p "$work/srv" "$HOME"
trap '"$top/tests/fault/end-guard" "$root"; umount -l "$work/srv" || :; rm -rf "$work"' EXIT
mount -t tmpfs -o size=6m,nr_inodes=400 tmpfs "$work/srv" 2>/dev/null || { echo "may not mount"; exit 77; }

fail() {
  echo "FAILED: $*"
  exit 1
}

v1=releases/$("$driver" digest v1)
v2=releases/$("$driver" digest v2)
"$driver" "$agent" "$root" stage:v1 activate:v1 confirm:v1
[ "$(readlink "$root/current")" = "$v1" ] || fail "v1 did not come"
before=$(find "$root" -not -name guard.log | sort)

echo "== no room for a release"
free=$(($(stat -f -c '%a * %S' "$root")))
head -c $((free - 300000)) /dev/zero >"$work/srv/ballast"
if "$driver" "$agent" "$root" stage:v2 >"$work/out"; then fail "v2 was staged on a full disk"; fi
cat "$work/out"
grep -q 'bytes are missing' "$work/out" || fail "does not say how much is missing"
[ "$(find "$root" -not -name guard.log | sort)" = "$before" ] || fail "something was left"
rm "$work/srv/ballast"

echo "== no inodes for a release"
i=0
while : 2>/dev/null >"$work/srv/inode-$i"; do i=$((i + 1)); done 2>/dev/null
for j in 1 2 3; do rm "$work/srv/inode-$((i - j))"; done
if "$driver" "$agent" "$root" stage:v2 >"$work/out"; then fail "v2 was staged without inodes"; fi
cat "$work/out"
[ "$(find "$root" -not -name guard.log | sort)" = "$before" ] || fail "something was left"
rm "$work/srv"/inode-*

echo "== going back on a disk without a byte or an inode"
"$driver" "$agent" "$root" stage:v2 activate:v2
[ "$(readlink "$root/current")" = "$v2" ] || fail "v2 did not come"
cat /dev/zero >"$work/srv/ballast" 2>/dev/null || :
i=0
while : 2>/dev/null >"$work/srv/inode-$i"; do i=$((i + 1)); done 2>/dev/null
"$driver" "$agent" "$root" revert
[ "$(readlink "$root/current")" = "$v1" ] || fail "did not go back"
