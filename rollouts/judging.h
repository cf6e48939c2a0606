/*
 * judging.h - the looks of a rollout's gates that are under way.
 *
 * Lends the gates what they need of the world: checks on hosts are numbered,
 * sent, and answered or given up in time. Decides nothing.
 */
#pragma once

#include "rollouts/gates/gate.h"
#include "rollouts/record.h"

struct judging;

struct judging_world {
	struct loop *loop;
	const struct plan *plan; /* these two are borrowed */
	const struct record *record;
	/* Send CHECK to HOST; false when there is no way to it now. */
	bool (*send)(void *ctx, uint32_t host, const struct agent_check *check);
	void (*verdict)(void *ctx, uint32_t stage, uint32_t gate,
			const struct gate_result *result);
	void *ctx;
};

struct judging *judging_new(const struct judging_world *world);
void judging_free(struct judging *judging);
MEM_AUTO(judging)

/* Look at GATE for STAGE; an unfinished look of it is dropped. HOSTS: on the
 * new release and reachable; copied. */
void judging_look(struct judging *judging, uint32_t stage, uint32_t gate,
		  const uint32_t *hosts, size_t n_hosts);
/* A host has answered, or cannot any more. */
void judging_checked(struct judging *judging, uint32_t host,
		     const struct agent_checked *checked);
void judging_lost(struct judging *judging, uint32_t host, const char *text);
/* Drop all looks; no verdict comes. */
void judging_cancel(struct judging *judging);
