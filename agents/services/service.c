#include "agents/services/service.h"

#include <assert.h>

#include "core/base/macros.h"

/* Adding a service manager: its file, and its row here and in agent.xml. */
#define SERVICES(X)                            \
	X(AGENT_RESTART_KIND_NONE, none)       \
	X(AGENT_RESTART_KIND_COMMAND, command) \
	X(AGENT_RESTART_KIND_SYSTEMD, systemd)

#define SERVICE_DECLARE(kind, id) extern const struct service service_##id;
SERVICES(SERVICE_DECLARE)
#undef SERVICE_DECLARE

static const struct service *const services[] = {
#define SERVICE_ROW(kind, id) [kind] = &service_##id,
	SERVICES(SERVICE_ROW)
#undef SERVICE_ROW
};

const struct service *service_find(enum agent_restart_kind kind)
{
	assert((size_t)kind < COUNT_OF(services));
	return services[kind];
}
