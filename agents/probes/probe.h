/*
 * probe.h - is the service well? A kind of probe is one file and one row.
 *
 * A look at something, changing nothing. Looks block, so they are taken in a
 * child process (agents/health, agents/serve).
 */
#pragma once

#include <stdint.h>

#include "agents/slot.h"
#include "agents/spec.h"

struct probe_context {
	const struct spec *spec;
	const struct slot *slot;
	struct digest release; /* that should be running; zero: whatever */
	const char *version;
};

struct probe {
	const char *name;
	/* Look once, until UNTIL_MS at most; 0 when all is well. */
	int (*look)(const struct probe_context *context,
		    const struct spec_probe *probe, uint64_t until_ms,
		    struct err *err);
};

/* Of that kind; kinds from outside have been checked by agents/spec. */
const struct probe *probe_find(enum agent_probe_kind kind);
