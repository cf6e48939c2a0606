/*
 * dispatch.h - from what the engine decided to what a host is told.
 *
 * Pure: fills the agent's message in from the plan, the record and the action.
 */
#pragma once

#include "core/wire/agent.h"
#include "rollouts/plan.h"
#include "rollouts/record.h"
#include "rollouts/rollout.h"

struct dispatch {
	const struct record *record;
	const struct plan *plan;
	uint64_t epoch;
};

/*
 * The command for ACTION; released by the caller. OUT's boot and validity are
 * left to the link. LATE_MS: how long ago the engine decided.
 */
void dispatch_command(const struct dispatch *dispatch,
		      const struct action *action, uint64_t late_ms,
		      struct agent_command *out);

/* The agent's message for PROBE on HOST; released by the caller. */
void dispatch_probe(const struct plan_probe *probe,
		    const struct record_host *host, struct agent_probe *out);

/* {address} and {name} in TEXT are the host's; owned by the caller. */
char *dispatch_fill(const char *text,
		    const struct record_host *host) MUST_CHECK;
