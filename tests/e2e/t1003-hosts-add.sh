#!/usr/bin/env bash
# `hosts add` brings the agent to hosts, once, and trusts no key by itself;
# `hosts check` only looks.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
top=$(cd "$(dirname "$0")/../.." && pwd)
built=${B:-build/release}
[[ $built == /* ]] || built=$top/$built
work=$(mktemp -d)
export FLEET_DIR=$work/fleet GRAY_HOME=$work/home
fleet=$top/tests/fleet/fleet
trap '"$fleet" down; rm -rf "$work"' EXIT

fail() {
  echo "FAILED: $*"
  sed 's/^/  out: /' "$work/out"
  sed 's/^/  err: /' "$work/err"
  exit 1
}

# Run `grayctl hosts ...`; its status must be the first argument.
expect() { # STATUS WHAT ARG...
  local want=$1 what=$2 got=0
  shift 2
  "$built/bin/grayctl" hosts "$what" --fleet "$FLEET_DIR/fleet.yaml" "$@" </dev/null >"$work/out" 2>"$work/err" || got=$?
  [ "$got" = "$want" ] || fail "hosts $what $* ended with $got, not $want"
}

says() { # FILE TEXT
  grep -qF -- "$2" "$work/$1" || fail "std$1 does not say: $2"
}

sum() { # JQ-EXPRESSION over the last object
  [ "$(tail -n 1 "$work/out" | jq "$1")" = true ] || fail "not so: $1"
}

"$fleet" up 5
known=$FLEET_DIR/known_hosts
echo "HashKnownHosts no" >"$FLEET_DIR/ssh_config"
sed -i 's/^ssh: {/ssh: {config: ssh_config, /' "$FLEET_DIR/fleet.yaml"
cp "$known" "$work/known"
print=$(ssh-keygen -lf "$FLEET_DIR/host_key.pub" | cut -d' ' -f2)
digest=$(sha256sum "$built/bin/gray-agent" | cut -c1-64)
name=.gray/bin/gray-agent-${digest:0:16}

# Nothing is there, and looking leaves it so.
expect 5 check
says out "no agent of this version"
says out "5 hosts: 0 ready, 5 failed"
[ -z "$("$fleet" ssh web-1 ls -A)" ] || fail "check left something behind"

# The first run installs, the second finds it there. First it is shown.
expect 0 add
says out "digest $digest"
says out "goes to ~/$name"
says out "authorized_keys is not touched"
grep -qE '^web-3 +deploy@127[^ ]+ +x86_64 +copy the agent' "$work/out" || fail "web-3 is not in the preview"
says out "5 hosts: 5 ready (5 new), 0 failed"
says out "restrict,command=\"$name serve\""
[ "$("$fleet" ssh web-3 sha256sum "$name" | cut -c1-64)" = "$digest" ] || fail "another agent arrived"
[ "$("$fleet" ssh web-3 ls -A .gray/bin)" = "${name##*/}" ] || fail "more than the agent is there"
expect 0 add --json
sum '.hosts == 5 and .ready == 5 and .new == 0 and .failed == 0'
expect 0 check web-1 web-4
says out "2 hosts: 2 ready, 0 failed"

# A file of the right name and other bytes is replaced.
"$fleet" ssh web-2 "echo x >> $name"
expect 5 check web-2
expect 0 add web-2
says out "1 host: 1 ready (1 new), 0 failed"

# An unknown key is shown and refused, taken when its fingerprint is right.
sed -i 2d "$known"
expect 5 add
says out "its key is not known: ED25519 $print"
says out "grayctl hosts add\` on a terminal, or with --fingerprint"
says out "5 hosts: 4 ready (0 new), 1 failed"
expect 5 check web-2
expect 5 add web-2 --fingerprint SHA256:AAAA
says out "not the one given"
expect 2 add web-2 --fingerprint AAAA
[ "$(wc -l <"$known")" = 4 ] || fail "a refused key was taken"
expect 0 add web-2 --fingerprint "$print"
says out "its key ED25519 $print is known now"
sort "$known" | cmp -s - <(sort "$work/known") || fail "known_hosts has not what it had"
: >"$known"
expect 0 add --accept-new
sort "$known" | cmp -s - <(sort "$work/known") || fail "not every key once in known_hosts"

# Where ssh hides the names that it knows, so do we.
echo "HashKnownHosts yes" >"$FLEET_DIR/ssh_config"
cp "$work/known" "$known"
sed -i 2d "$known"
expect 0 add web-2 --fingerprint "$print"
tail -n 1 "$known" | grep -q '^|1|' || fail "the name is not hashed"
ssh-keygen -F "$(sed -n '2s/ .*//p' "$work/known")" -f "$known" >/dev/null || fail "the hashed name is not the host's"
expect 0 check web-2
cp "$work/known" "$known"

# A key that is not the known one is refused, whatever is said.
ssh-keygen -q -t ed25519 -N '' -f "$work/other"
sed -i "2s|ssh-ed25519 .*|$(cut -d' ' -f1,2 "$work/other.pub")|" "$known"
cp "$known" "$work/changed"
address=$(sed -n '2s/^\[\(.*\)\].*/\1/p' "$known")
expect 5 add --accept-new --fingerprint "$print" --json
[ "$(jq -r 'select(.state == "failed") | .address + " " + .code' "$work/out")" = "$address host-key" ] ||
  fail "not the changed host alone is refused"
says out "its key has changed"
says out "$known:2 knows ED25519"
says out "ssh-keygen -R '[$address]:"
cmp -s "$known" "$work/changed" || fail "known_hosts was touched"
cp "$work/known" "$known"

# A key that may run the agent only: added once, an older agent's line replaced.
ssh-keygen -q -t ed25519 -N '' -C gray@here -f "$work/bound"
key=$(cut -d' ' -f1,2 "$work/bound.pub")
"$fleet" ssh web-1 "mkdir .ssh; printf %s 'ssh-ed25519 AAAAother me' > .ssh/authorized_keys"
for _ in 1 2; do
  expect 0 add web-1 --install-key "$work/bound.pub"
  "$fleet" ssh web-1 cat .ssh/authorized_keys >"$work/keys"
  printf '%s\n' 'ssh-ed25519 AAAAother me' "restrict,command=\"$name serve\" $key gray@here" |
    cmp -s - "$work/keys" || fail "authorized_keys is: $(cat "$work/keys")"
  "$fleet" ssh web-1 "sed -i s/gray-agent-[0-9a-f]*/gray-agent-0123456789abcdef/ .ssh/authorized_keys"
done
expect 2 add web-1 --install-key "$work/bound"
says err "it is the private half"

# With such a key the agent answers, and nothing can be changed.
sed "s|identity: id_ed25519|identity: $work/bound|" "$FLEET_DIR/fleet.yaml" >"$FLEET_DIR/bound.yaml"
echo "restrict,command=\"$name serve\" $key" >>"$FLEET_DIR/authorized_keys"
"$built/bin/grayctl" hosts check --fleet "$FLEET_DIR/bound.yaml" web-1 >"$work/out" 2>"$work/err" ||
  fail "a bound key does not reach the agent"
says out "by a forced command"

# What the login may restart is asked, and the line that allows it is printed.
expect 0 add web-3 --unit feed.service
says out "restarts feed.service as root"
expect 2 add web-3 --unit "feed; reboot"

# Dead, misspelt and full hosts are named, each with what helps.
"$fleet" kill web-5
"$fleet" exec web-4 sh -c 'rm -rf /home/deploy/.gray && touch /home/deploy/.gray'
expect 5 add
says out "web-5  FAILED  connect to"
says out "web-4  FAILED  copy the agent there: ended with status 1: mkdir"
grep -qE '^web-5 .* nothing: connect to' "$work/out" || fail "the preview does not name the dead host"
says out "5 hosts: 3 ready (0 new), 2 failed"
expect 2 add web-55
says err 'no host "web-55" in the fleet (did you mean web-5?)'
