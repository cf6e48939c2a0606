#!/usr/bin/env bash
# kill -9 of the controller after a switch: the hosts are back on the old
# release by themselves within confirm + slots + 5 s, and never more than
# max_unavailable of them are down at once.
. "$(dirname "$0")/lib.sh"
set_up_unconfirmed
leave_alone kill -9 "$(grayd_pid)"

expect 0 grayctl status feed
says 'feed'
expect 0 grayctl abort feed --reason "gone by itself"
await 60 is_state feed rolled_back
