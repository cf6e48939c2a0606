/*
 * view.h - a rollout as people and scripts see it: the JSON of the API.
 *
 * Field names are a contract. Reads the rollout's state, changes nothing.
 */
#pragma once

#include "core/text/json.h"
#include "rollouts/record.h"
#include "rollouts/rollout.h"

struct view_source {
	const struct record *record;
	const struct rollout *rollout;
	uint64_t revision; /* of its journal */
	uint64_t now_ms;   /* BOOTTIME */
	int64_t wall_ms;
};

/* Everything but the list of hosts, which HAS_HOSTS adds. */
struct js *view_json(const struct view_source *source,
		     bool has_hosts) MUST_CHECK;

/* The hosts that run the new release now and can be asked, by place: at most
 * as many as the rollout has. The number of them. */
size_t view_exposed_hosts(const struct rollout *rollout, uint32_t *out);
