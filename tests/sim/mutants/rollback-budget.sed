# file: rollouts/rollout_command.c
# rule: R7 a rollback keeps the budget
s/others < rollout->config.max_unavailable/others < UINT32_MAX/
/^static void revert(/,/^}/ s/(has_room(rollout) ||/(true ||/
