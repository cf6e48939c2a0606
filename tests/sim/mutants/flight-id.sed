# file: rollouts/rollout_host.c
# rule: R10 an end is the end of the command that was sent
s/!is_pair_before(host->seen_epoch, host->seen_seq,/!is_pair_before(UINT64_MAX, host->seen_seq,/
/^static void take_view/,/^}/ s/if (is_pair_before(event->host_epoch, event->host_seq,/if (is_pair_before(UINT64_MAX, event->host_seq,/
