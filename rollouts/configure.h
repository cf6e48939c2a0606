/*
 * configure.h - from a plan on a fleet to what the engine is told: the numbers
 * that never change while the rollout lives.
 */
#pragma once

#include "rollouts/rollout.h"
#include "rollouts/stages.h"

/* All but id, release and what the hosts go back to. OUT is overwritten. */
void configure(const struct plan *plan, const struct fleet *fleet,
	       const struct stages *stages, struct rollout_config *out);
