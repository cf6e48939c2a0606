#include "agents/services/service.h"

extern const struct service service_command;

/* The command is a file of the release: without one nothing can be run. */
static void restart(const struct spec *spec, bool has_release,
		    struct spec_hook *out)
{
	*out = spec->command;
	if (!has_release)
		out->n_argv = 0;
}

const struct service service_command = { .name = "command",
					 .restart = restart };
