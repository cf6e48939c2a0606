# file: rollouts/rollout_stage.c
# rule: what changes the state is journaled
/^static void run_bake_clock/,/^}/ s/rollout->is_changed = true;//
