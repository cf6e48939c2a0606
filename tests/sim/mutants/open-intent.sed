# file: rollouts/rollout_host.c
# rule: R2 intents of a former reign count as in flight until the host is fenced
/^void rollout_host_reign/,/^}/ s/host->lease_ms = 0;/host->lease_ms = 0; host->flying = AGENT_VERB_NONE;/
