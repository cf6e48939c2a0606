#include "agents/guard.h"

#include "cmd/gray-agent/commands.h"

#define IDLE_MS 60000

int command_guard(const struct agent_options *options, struct err *err)
{
	struct guard_options guard = {
		.home = options->home,
		.idle_ms = IDLE_MS,
		.ready = options->ready_fd,
	};

	if (options->n_roots != 1)
		return err_set(err, ERR_INVALID, "--root names no root");
	guard.root = options->roots[0];
	return guard_run(&guard, err);
}
