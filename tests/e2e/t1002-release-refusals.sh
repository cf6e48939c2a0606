#!/usr/bin/env bash
# A release with ../x, an absolute path, a link that leaves it, a device or a
# set-id bit is refused with the entry's name, and nothing of it is on disk.
. "$(dirname "$0")/lib.sh"

cat >"$work/fleet.yaml" <<'FLEET'
hosts:
  - {name: web-1, address: 127.9.1.1}
FLEET
secret="marker-$$-$RANDOM"
# hostile NAME SOURCE ENTRY: the rollout is refused and names ENTRY
hostile() {
  local name=$1 source=$2 entry=$3
  cat >"$work/$name.yaml" <<PLAN
service: feed
release: {$source, version: $name}
fleet: fleet.yaml
deploy: {root: /srv/feed, restart: none}
stages:
  - {name: all, hosts: 100%, bake: 0s}
PLAN
  expect 2 grayctl rollout "$work/$name.yaml" --yes
  grep -qF -- "$entry" "$work/out" || { cat "$work/out"; fail "$name: does not name $entry"; }
  ! grep -rqF "$secret" "$GRAY_HOME" || fail "$name: left its content behind"
  [ -z "$(find "$GRAY_HOME" -newer "$work/$name.yaml" -path '*blobs*' -type f)" ] ||
    fail "$name: left files in the store"
}

mkdir -p "$work/tar/good"
echo "$secret" >"$work/tar/good/file"
cd "$work/tar"
tar -cf ../dots.tar --transform='s|good/file|../x|' -P good/file
tar -cf ../absolute.tar --transform='s|good/file|/etc/x|' -P good/file
ln -s ../../outside good/escape
tar -cf ../link.tar good/file good/escape
rm good/escape
mknod good/device c 1 3
tar -cf ../device.tar good/file good/device
rm good/device
cp good/file good/setid && chmod 4755 good/setid
tar -cf ../setid.tar good/file good/setid
cd "$work"
hostile dots 'tarball: {file: dots.tar}' '../x'
hostile absolute 'tarball: {file: absolute.tar}' '/etc/x'
hostile link 'tarball: {file: link.tar}' 'good/escape'
hostile device 'tarball: {file: device.tar}' 'good/device'
hostile setid 'tarball: {file: setid.tar}' 'good/setid'

mkdir -p "$work/dir/bin"
echo "$secret" >"$work/dir/bin/file"
ln -s /etc/passwd "$work/dir/bin/passwd"
hostile dir-link 'dir: dir' 'bin/passwd'
rm "$work/dir/bin/passwd"
mkfifo "$work/dir/bin/pipe"
hostile dir-fifo 'dir: dir' 'bin/pipe'
rm "$work/dir/bin/pipe"
chmod 4755 "$work/dir/bin/file"
hostile dir-setid 'dir: dir' 'bin/file'
