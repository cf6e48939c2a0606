/*
 * follow.h - follow a rollout to its end: redrawn in place on a terminal, plain
 * lines elsewhere, events as JSON when asked.
 *
 * Never touches the rollout: Ctrl-C only stops looking. A grayd that dies
 * meanwhile is started again and asked for the rest.
 */
#pragma once

#include "cmd/grayctl/command.h"
#include "core/text/json.h"

/*
 * Returns 0 when the rollout succeeded or the user left; ERR_FAILED when it
 * failed, was rolled back or canceled.
 */
int follow_rollout(struct invocation *inv, const char *id,
		   struct err *err) MUST_CHECK;
/* The error that VIEW's final state is, or 0. */
int follow_outcome(const struct js *view, struct err *err) MUST_CHECK;
