/*
 * health.h - watch a service after a restart until it is well long enough.
 *
 * All probes pass, for min_healthy_ms without a break; the service's manager
 * did not have to start it again; and the process runs from the release it
 * should, as far as that can be seen.
 */
#pragma once

#include "agents/probes/probe.h"

/*
 * Blocks until the service is well, or surely is not: at once for a crash loop,
 * else with what the last look said when the time of the longest probe is over.
 */
int health_wait(const struct probe_context *context,
		struct err *err) MUST_CHECK;
/* The longest that health_wait may take. */
uint64_t health_longest_ms(const struct spec *spec);
