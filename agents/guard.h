/*
 * guard.h - the process that owns a deployment root.
 *
 * Holds the lock, the journal and the state machine (agents/deploy), carries
 * its actions out, and goes on when the connection is gone: a host that is not
 * confirmed in time goes back by itself. Reads fixed-size records from serve
 * (agents/record), needs no network, and of a release only what it was told to
 * run. One thread, one poll loop; whatever takes time is a child process.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"

#define GUARD_SOCKET "guard.sock"
#define GUARD_LOG    "guard.log"
#define GUARD_LOCK   "lock"

struct guard_options {
	const char *root;
	const char *home; /* whose .gray/roots will name the root */
	/* Without a client and without need of it, it ends after: */
	uint64_t idle_ms;
	/* Told when it listens, or why not; -1: nobody. Taken. */
	int ready;
};

/* Until nobody needs it. ERR_CONFLICT when another guard is there already. */
int guard_run(const struct guard_options *options, struct err *err) MUST_CHECK;
/*
 * At boot, before the service: settle what was interrupted, then return.
 * *out_needs_guard when the host may still have to save itself.
 */
int guard_recover(const struct guard_options *options, bool *out_needs_guard,
		  struct err *err) MUST_CHECK;
