#include "agents/serve.h"

#include <unistd.h>

#include "cmd/gray-agent/commands.h"

int command_serve(const struct agent_options *options, struct err *err)
{
	return serve_run(STDIN_FILENO, STDOUT_FILENO, options->home, err);
}
