/*
 * stages.h - a plan on a fleet: exactly which hosts, in which order, how many.
 *
 * Pure. The hosts are put into one order for the whole rollout, and a stage is
 * the head of it: stages are cumulative. With `domains: spread` the order takes
 * one host of each failure domain by turns, with `one-at-a-time` it finishes a
 * domain before it starts the next; within a domain it is the fleet file's.
 *
 * A share is rounded down. max_unavailable is at least 1, and never all hosts
 * unless it is written as 100% or as a count.
 */
#pragma once

#include <stdint.h>

#include "core/fleet/inventory.h"
#include "rollouts/plan.h"

struct stages_host {
	uint32_t host;	 /* place in fleet->hosts */
	uint32_t domain; /* place in domains */
};
struct stages {
	VEC(struct stages_host) hosts; /* selected, in the rollout's order */
	VEC(char *) domains;  /* their failure domains; one, "", if not named */
	VEC(uint32_t) counts; /* a stage i is hosts 0 .. counts[i]-1 */
	uint32_t max_unavailable;
	uint32_t budget_failed; /* 0: the first one stops */
	uint32_t budget_unreachable;
	uint32_t budget_unhealthy;
};

/*
 * mistakes  what does not fit the fleet is added, located in the plan
 * out       on success stages the caller owns
 *
 * Fails with ERR_INVALID if there was any mistake: no host selected, a label
 * that no host has, a stage without a new host, more hosts than there are.
 */
int stages_make(const struct plan *plan, const struct fleet *fleet,
		struct plan_mistakes *mistakes, struct stages **out,
		struct err *err) MUST_CHECK;
void stages_free(struct stages *stages);
MEM_AUTO(stages)

/* AMOUNT of N hosts: a share rounded down, a count at most N. */
uint32_t stages_amount(const struct plan_amount *amount, uint32_t n);
/* The same, at least 1; N is not 0. */
uint32_t stages_max_unavailable(const struct plan_amount *amount, uint32_t n);
/* Batches in which the hosts FIRST .. END-1 change under max_unavailable. */
uint32_t stages_batches(const struct stages *stages, enum plan_domains domains,
			uint32_t first, uint32_t end);
