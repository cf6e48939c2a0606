#include "agents/probes/probe.h"

#include <assert.h>

#include "core/base/macros.h"

/* Adding a probe: its file, and its row here and in agent.xml. */
#define PROBES(X)                            \
	X(AGENT_PROBE_KIND_HTTP, http)       \
	X(AGENT_PROBE_KIND_TCP, tcp)         \
	X(AGENT_PROBE_KIND_COMMAND, command) \
	X(AGENT_PROBE_KIND_SYSTEMD, systemd)

#define PROBE_DECLARE(kind, id) extern const struct probe probe_##id;
PROBES(PROBE_DECLARE)
#undef PROBE_DECLARE

static const struct probe *const probes[] = {
#define PROBE_ROW(kind, id) [kind] = &probe_##id,
	PROBES(PROBE_ROW)
#undef PROBE_ROW
};

const struct probe *probe_find(enum agent_probe_kind kind)
{
	assert((size_t)kind < COUNT_OF(probes));
	return probes[kind];
}
