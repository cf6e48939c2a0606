/*
 * machine.h - the agent's own state machine, lent to the simulator.
 *
 * The one place where a program sees both sides: simulated hosts run what real
 * ones run. `grayctl simulate` uses it, and tests/sim.
 */
#pragma once

#include "rollouts/simulator/machine.h"

extern const struct machine machine_agent;
