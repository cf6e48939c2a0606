#!/usr/bin/env bash
# Logins of all kinds behind a real sshd: `hosts add` works with those that can
# work, and tells each other one by what is wrong with it. A person is asked on
# a terminal: about a new key, about what is done, for a passphrase.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
top=$(cd "$(dirname "$0")/../.." && pwd)
built=${B:-build/release}
[[ $built == /* ]] || built=$top/$built
work=$(mktemp -d /tmp/gray-e2e-XXXXXX)
home=$work/home fleet=$work/fleet.yaml net=127.99.$((RANDOM % 250)) port=$((20000 + RANDOM % 10000))
terminal=gray-e2e-$$
export NO_COLOR=1 GRAY_HOME=$work/state

finish() {
  tmux -L "$terminal" kill-server 2>/dev/null || true
  # What a session left running is a child of the sshd that was killed.
  [ ! -s "$work/sshd.pid" ] || kill -- "-$(cat "$work/sshd.pid")" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
fail() {
  echo "FAILED: $*"
  cat "$work/out" "$work/err" 2>/dev/null
  exit 1
}
add() { # STATUS ARG...
  local want=$1 got=0
  shift
  HOME=$work "$built/bin/grayctl" hosts add --fleet "$fleet" "$@" </dev/null >"$work/out" 2>"$work/err" || got=$?
  [ "$got" = "$want" ] || fail "hosts add $* ended with $got, not $want"
}
says() { # HOST TEXT: in the last line about the host
  grep -E "^$1 " "$work/out" | tail -n 1 | grep -qF -- "$2" || fail "of $1 it does not say: $2"
}

# --- the logins --------------------------------------------------------------

mkdir -p "$home" "$work/bin" "$work/.ssh"
chmod 755 "$work"
script() { # NAME: from standard input
  cat >"$work/bin/$1"
  chmod 755 "$work/bin/$1"
}
script slow <<<$'#!/bin/sh\nsleep 1\nexec /bin/sh "$@"'
script stuck <<<$'#!/bin/sh\nexec sleep 40'
script chatty <<<$'#!/bin/sh\nyes welcome | head -c 20000\nexec /bin/sh "$@"'
script silent <<<$'#!/bin/sh\nexit 0'
mkdir "$work/bin/torn"
script torn/cat <<<$'#!/bin/sh\n/bin/cat "$@"\necho x'
script torn.sh <<<$'#!/bin/sh\nPATH='"$work/bin/torn"$':$PATH exec /bin/sh "$@"'
users=()
cp /etc/passwd "$work/passwd"
login() { # NAME SHELL
  local n=$((${#users[@]} + 1))
  users+=("$1")
  echo "$1:*:$((42000 + n)):42000::$home/$1:$2" >>"$work/passwd"
  mkdir "$home/$1"
  chown "$((42000 + n)):42000" "$home/$1"
}
login plain /bin/sh
login bash /bin/bash
printf 'echo Have a nice day\necho and be quick >&2\n' >"$home/bash/.bashrc"
login fish /usr/bin/fish
login csh /bin/csh
login slow "$work/bin/slow"
login sudoer /bin/sh
login nologin /usr/sbin/nologin
login false /bin/false
login silent "$work/bin/silent"
login rbash /bin/rbash
login chatty "$work/bin/chatty"
login stuck "$work/bin/stuck"
login missing /no/such/shell
login torn "$work/bin/torn.sh"
login noexec /bin/sh
login readonly /bin/sh
login full /bin/sh
login homeless /bin/sh
rmdir "$home/homeless"

ssh-keygen -q -t ed25519 -N '' -f "$work/host_key"
ssh-keygen -q -t ed25519 -N '' -f "$work/id"
ssh-keygen -q -t ed25519 -N 'correct horse' -f "$work/locked"
cat "$work/id.pub" "$work/locked.pub" >"$work/authorized_keys"
printf '%s\n' "ListenAddress 0.0.0.0:$port" "AllowUsers *@127.0.0.0/8" "HostKey $work/host_key" "AuthorizedKeysFile $work/authorized_keys" \
  "PidFile $work/sshd.pid" "StrictModes no" "UsePAM no" "PasswordAuthentication no" "PrintMotd no" \
  "PrintLastLog no" "MaxStartups 100" "LogLevel ERROR" >"$work/sshd_config"
print=$(ssh-keygen -lf "$work/host_key.pub" | cut -d' ' -f2)
known="[$net.*]:$port $(cut -d' ' -f1,2 "$work/host_key.pub")"
echo "$known" >"$work/known_hosts"
{
  echo 'ssh: {identity: id, known_hosts: known_hosts, config: ssh_config}'
  echo 'hosts:'
  n=0
  for user in "${users[@]}"; do
    n=$((n + 1))
    echo "  - {name: $user, address: $net.$n, port: $port, user: $user}"
  done
} >"$fleet"
echo "HashKnownHosts no" >"$work/ssh_config"
cat >"$work/sudoers" <<<'sudoer ALL=(root) NOPASSWD: /usr/bin/systemctl restart feed.service'
chmod 440 "$work/sudoers"
mkdir -p /run/sshd
# shellcheck disable=SC2016 # the inner shell's own $
setsid unshare -m --propagation private sh -e -c '
  for k in noexec:noexec readonly:ro full:size=600k; do
    mount -t tmpfs -o "mode=777,${k#*:}" none "$1/home/${k%%:*}"
  done
  head -c 500000 /dev/zero >"$1/home/full/data"
  mount --bind "$1/passwd" /etc/passwd
  [ ! -e /etc/sudoers ] || mount --bind "$1/sudoers" /etc/sudoers
  exec /usr/sbin/sshd -D -f "$1/sshd_config" -E "$1/sshd.log"' sh "$work" &
for ((i = 0; i < 100; i++)); do
  [ ! -s "$work/sshd.pid" ] || break
  sleep 0.05
done
[ -s "$work/sshd.pid" ] || fail "sshd did not start: $(cat "$work/sshd.log")"

# --- what is said of each ----------------------------------------------------

add 5 --unit feed.service
digest=$(sha256sum "$built/bin/gray-agent" | cut -c1-64)
agent=.gray/bin/gray-agent-${digest:0:16}
for user in plain bash fish csh slow sudoer; do
  says "$user" "ready"
  [ "$(sha256sum "$home/$user/$agent" | cut -c1-64)" = "$digest" ] || fail "$user has not our agent"
  [ "$(stat -c %U:%a "$home/$user/$agent")" = "UNKNOWN:755" ] || fail "the agent is not $user's"
done
says nologin 'its login shell did not run the command: it said "This account is currently not available." and ended with status 1'
says nologin 'the host is well'
says false 'it said nothing and ended with status 1'
says silent 'it said nothing and ended with status 0'
says rbash 'its login shell /bin/rbash is a restricted one'
says chatty 'its login shell prints too much before a command'
says stuck 'it let us in, but its login shell ran no command within 30s'
says missing "log in as missing"
says torn 'what arrived has the digest'
says noexec 'mounted noexec: no agent can run there; mount it with exec'
says readonly 'read-only file system; mount it for writing'
says full 'is full: '
says full 'make room there'
says homeless 'its login folder is not there'
for user in rbash chatty torn; do
  [ -z "$(find "$home/$user" -name '*gray-agent*' -o -name '.new.*')" ] || fail "something is left in $user's home"
done
grep -qE '^sudoer .*; restarts feed.service by sudo$' "$work/out" || fail "sudo is not seen"
line='plain ALL=(root) NOPASSWD: /usr/bin/systemctl restart feed.service'
grep -E '^plain .*; may not restart feed.service: ' "$work/out" | grep -qF "$line" || fail "no sudoers line"
visudo -cqf - <<<"$line" || fail "sudo does not understand the line"

# An agent for another machine is not sent.
cp "$built/bin/gray-agent" "$work/arm-agent"
printf '\267\000' | dd of="$work/arm-agent" bs=1 seek=18 conv=notrunc status=none
add 5 plain --agent "$work/arm-agent"
says plain 'its machine is x86_64, our agent is for aarch64'

# --- a person ----------------------------------------------------------------

screen() { tmux -L "$terminal" capture-pane -p -J -S - 2>/dev/null; }
await() { # TEXT
  for ((i = 0; i < 100; i++)); do
    if screen | grep -qF -- "$1"; then return; fi
    sleep 0.1
  done
  screen
  fail "not on the screen: $1"
}
types() { tmux -L "$terminal" send-keys -l -- "$1" && tmux -L "$terminal" send-keys Enter; }
on_terminal() { # ARG...
  tmux -L "$terminal" kill-server 2>/dev/null || true
  terminal=$terminal+ # an ending server is no place for the next session
  tmux -L "$terminal" -f /dev/null new-session -d -x 200 -y 50 -e "HOME=$work" -e SSH_AUTH_SOCK= \
    "'$built/bin/grayctl' hosts add --fleet '$fleet' $*; echo \"ended with \$?\"; sleep 60"
}

: >"$work/known_hosts"
rm -rf "$home/plain/.gray"
on_terminal plain
await "Is it the host's?"
screen | grep -qF "ED25519 $print" || fail "the fingerprint is not shown"
types SHA256:AAAA
await "That is not what plain shows."
await "ended with 5"
[ ! -s "$work/known_hosts" ] || fail "a key that was not confirmed is known"

on_terminal plain
await "Is it the host's?"
types "$print"
await "do it? [y/N]"
screen | grep -qE '^plain +plain@.* copy the agent' || fail "the preview does not come first"
types n
await "ended with 3"
[ ! -e "$home/plain/.gray" ] || fail "it was done in spite of no"
grep -qF "[$net.1]:$port ssh-ed25519" "$work/known_hosts" || fail "the confirmed key is not known"

echo "$known" >"$work/known_hosts"
sed -i 's/identity: id,/identity: locked,/' "$fleet"
add 5 plain
says plain "locked has a passphrase: run \`ssh-add $work/locked\`"
on_terminal plain bash
await "Passphrase of $work/locked:"
types 'correct horse'
await "do it? [y/N]"
types y
await "2 hosts: 2 ready (1 new), 0 failed"
! screen | grep -qF 'correct horse' || fail "the passphrase is on the screen"
[ "$(screen | grep -c 'Passphrase of')" = 1 ] || fail "it was asked for twice"
await "ended with 0"
