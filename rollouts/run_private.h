/*
 * run_private.h - what run.c and run_host.c share; nobody else includes it.
 */
#pragma once

#include "rollouts/judging.h"
#include "rollouts/link.h"
#include "rollouts/run.h"

struct run_host {
	struct run *run;
	uint32_t at;
	struct link *link; /* NULL: not connected */
};

struct todo {
	struct action action;
	uint64_t decided_ms;
};

struct run {
	struct run_world world;
	struct record *record;
	struct plan *plan;
	struct manifest *manifest;
	struct rollout *rollout;
	struct run_host *hosts;
	struct judging *judging;
	struct loop_timer *timer;
	char *stream;
	uint64_t revision;
	uint64_t epoch;	       /* of this reign; 0 before */
	VEC(struct todo) todo; /* decided, waiting for the flush */
};

/* Feed the engine an event that is no request, so that nothing is refused. */
void run_tell(struct run *run, struct event *event);

/* run_host.c: begin to connect HOST; what its agent says becomes events. */
void run_connect(struct run *run, struct run_host *host);
