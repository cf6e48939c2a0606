# file: rollouts/rollout_touch.c
# rule: R4 leases outlive an activation elsewhere, or count as out
/^static bool is_out(/,/^}/ s/is_out_short(rollout, host)/false/
