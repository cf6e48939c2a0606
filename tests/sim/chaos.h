/*
 * chaos.h - a world for the simulator in which all goes wrong: fleet, plan,
 * faults of all kinds and people who press every button, all from one seed.
 */
#pragma once

#include "rollouts/simulator/sim.h"

struct chaos {
	uint64_t seed;
	uint32_t n_hosts; /* 0: the seed says */
	bool is_traced;	  /* print what happens */
	/* Of the run. */
	uint64_t n_looks;
	bool is_taken_back; /* after it succeeded */
};

/* A world about to begin; CHAOS must outlive it. The caller frees it. */
struct sim *chaos_new(struct chaos *chaos) MUST_CHECK;
