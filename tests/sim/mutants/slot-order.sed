# file: rollouts/rollout_command.c
# rule: R5 a new order of slots begins when the old one is through
/^void rollout_slots_begin/,/^}/ s/MAX_OF(rollout->slots_from_ms, host->settled_ms)/rollout->slots_from_ms/
