/*
 * service.h - how a service is made to run another release. A kind of service
 * manager is one file and one row.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "agents/slot.h"
#include "agents/spec.h"

struct service {
	const char *name;
	/*
	 * What to run so that the service comes from the release `current`
	 * names now, or ends when there is none; n_argv 0: nothing.
	 */
	void (*restart)(const struct spec *spec, bool has_release,
			struct spec_hook *out);
	/*
	 * How often it was started anew by its manager, which after a restart
	 * is not at all; ERR_FAILED when the manager gave up. NULL: not known.
	 */
	int (*count_restarts)(const struct spec *spec, uint64_t until_ms,
			      uint64_t *out, struct err *err);
	/* Its main process; 0: it has none. NULL: not known. */
	int (*main_pid)(const struct spec *spec, uint64_t until_ms, pid_t *out,
			struct err *err);
};

const struct service *service_find(enum agent_restart_kind kind);
