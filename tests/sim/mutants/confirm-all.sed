# file: rollouts/rollout_stage.c
# rule: a stage passes when every live host has confirmed
/^static bool bake(/,/^}/ s/if (rollout->n\[HOST_UNCONFIRMED_BIT\])/if (false)/
