#!/usr/bin/env bash
# grayctl's command line: what it says to mistakes, and the status it ends with.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
built=${B:-build/release}
[[ $built == /* ]] || built=$top/$built
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GRAY_HOME=$work/home
# A copy has no grayd beside it, and PATH none: nothing is started here.
mkdir "$work/bin"
cp "$built/bin/grayctl" "$work/bin/"
export PATH=/usr/bin:/bin

fail() {
  echo "FAILED: $*"
  sed 's/^/  out: /' "$work/out"
  sed 's/^/  err: /' "$work/err"
  exit 1
}

# Run grayctl; its status must be the first argument.
expect() { # STATUS ARG...
  local want=$1 got=0
  shift
  "$work/bin/grayctl" "$@" >"$work/out" 2>"$work/err" || got=$?
  [ "$got" = "$want" ] || fail "grayctl $* ended with $got, not $want"
}

says() { # FILE TEXT
  grep -qF -- "$2" "$work/$1" || fail "std$1 does not say: $2"
}

expect 0 --version
says out "grayctl $(cat "$top/VERSION")"
expect 0 help
expect 0 --help
says out "log verify"
expect 0 help rollback
says out "--stage <name>"
expect 0 rollback --help
says out "usage: grayctl rollback"
expect 0 help log verify

expect 2
says err "no command"
expect 2 statsu
says err 'no command "statsu" (did you mean status?)'
expect 2 log vefiry
says err "one argument too many"
expect 2 hosts lsit
says err 'no command "hosts lsit" (did you mean hosts list?)'
expect 2 pause
says err "usage: grayctl pause"
says err "pause needs <rollout>"
expect 2 pause a b
says err '"b" is one argument too many'

# All the mistakes at once, a line each.
expect 2 pause feed --raeson x --jsn --help=1 -z
says err "no option --raeson (did you mean --reason?)"
says err "no option --jsn (did you mean --json?)"
says err "--help takes no value"
says err "no option -z"
[ "$(grep -c '' "$work/err")" = 5 ] || fail "not four mistakes and a sentence"

# No controller and no way to start one; as JSON for whoever asked for it.
expect 5 status
says err "no grayd was found"
expect 5 status --json
jq -e '.error.code == "unreachable" and .error.exit == 5' "$work/out" >/dev/null || fail "not the error as JSON"

# One that does not come up is shown with the end of its log.
# shellcheck disable=SC2016 # the script's own $
printf '#!/bin/sh\nmkdir -p "$GRAY_HOME"\necho the disk is on fire >"$GRAY_HOME/grayd.log"\n' >"$work/bin/grayd"
chmod 755 "$work/bin/grayd"
expect 5 status
says err "the disk is on fire"
says err "did not come up"
rm "$work/bin/grayd"

expect 8 doctor
says out "no grayd beside grayctl"
says err "checks failed"

# Plans are checked here, against their fleet; every mistake has its place.
cat >"$work/fleet.yaml" <<'EOF'
hosts:
  - {name: "web-[1:20]", address: "10.0.0.[1:20]", labels: {role: web}}
EOF
cat >"$work/good.yaml" <<'EOF'
service: web
release: {dir: build, version: v2}
fleet: fleet.yaml
hosts: role=web
deploy:
  root: /srv/web
  restart: none
  probe: {tcp: "{address}:80"}
stages:
  - {name: one-box, hosts: 1, bake: 1m}
  - {name: all, hosts: 100%}
EOF
sed -e 's/^service: web/service: web\nserivce: web/' -e 's/hosts: 1, bake: 1m/hosts: 1%, bake: 1x/' \
  "$work/good.yaml" >"$work/bad.yaml"
sed -e 's/hosts: 1, bake: 1m/hosts: 1%/' "$work/good.yaml" >"$work/small.yaml"
expect 0 plan "$work/good.yaml"
says out "one-box"
says out "web-1"
expect 0 plan --json "$work/good.yaml"
jq -e '.stages | length == 2' "$work/out" >/dev/null || fail "the preview's JSON has no two stages"
expect 0 plan --schema
jq -e '.properties.stages' "$work/out" >/dev/null || fail "no schema"
expect 2 plan
expect 2 plan "$work/nowhere.yaml"
expect 2 plan "$work/bad.yaml"
says err "bad.yaml:2:1: "
says err "bad.yaml:11:"
expect 2 plan "$work/small.yaml"
says err "small.yaml:10:"
# Refused before a controller is needed, and never started unasked.
expect 2 rollout "$work/bad.yaml"
says err "bad.yaml:2:1: "
expect 2 rollout "$work/good.yaml" </dev/null
says err "say --yes"

# What a shell completes is what there is.
expect 0 completion bash
bash -n "$work/out"
cat >"$work/complete" <<'EOF'
source "$1/out"
COMP_WORDS=(grayctl log ver) COMP_CWORD=2
_grayctl
echo "${COMPREPLY[*]}"
COMP_WORDS=(grayctl rollback --st) COMP_CWORD=2
_grayctl
echo "${COMPREPLY[*]}"
EOF
[ "$(bash "$work/complete" "$work")" = $'verify\n--stage' ] || fail "bash completes something else"
expect 0 completion fish
says out "-l stage"
expect 0 completion zsh
says out "#compdef grayctl"
expect 2 completion tcsh

# A home whose socket's path no socket can have.
GRAY_HOME=$work/$(printf 'x%.0s' {1..120}) expect 2 status
says err "too long for a socket's path"
