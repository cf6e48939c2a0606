#!/usr/bin/env bash
# The agent, killed at some system calls; `make fault` kills it at all of them.
set -eu
case ${B:-build/release} in
*asan | *tsan) echo "sanitizers and ptrace do not mix" && exit 77 ;;
esac
FAULT_EVERY=${FAULT_EVERY:-37} exec "$(dirname "$0")/../fault/run"
