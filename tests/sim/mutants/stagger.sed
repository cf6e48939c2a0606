# file: rollouts/rollout_command.c
# rule: R5 hosts that go back by themselves have slots
s/uint64_t slot = host->rank .*/uint64_t slot = 0 * host->rank;/
