# file: rollouts/rollout_host.c
# rule: a lease of a former reign counts for nothing until it is renewed
s/if (host->flying_epoch == rollout->epoch) {/if (true) {/
