/*
 * launch.h - from a plan's text to a rollout that may start: everything that
 * reads files and takes time, on a thread of its own.
 *
 * Reads the plan and the inventory, works out the stages' hosts, imports the
 * release. Knows nothing of other rollouts: id, number and what hosts go back
 * to are added by the driver.
 */
#pragma once

#include "core/data/blobs.h"
#include "core/release/manifest.h"
#include "core/text/json.h"
#include "rollouts/plan.h"
#include "rollouts/record.h"
#include "rollouts/rollout.h"

struct launch {
	/* Asked. */
	char *plan_path;
	char *plan_text;
	char *base_dir;
	char *who;
	char *reason;
	struct blobs *blobs;
	/* Found; valid if err says nothing. */
	struct plan *plan;
	struct record *record;	      /* without id, number, serial */
	struct rollout_config config; /* without id */
	struct manifest *manifest;
	struct js *mistakes; /* sentences, when the plan has some */
	struct err err;
};
void launch_free(struct launch *launch);
MEM_AUTO(launch)

/* Fill in the second half from the first. From any thread. */
void launch_prepare(struct launch *launch);
