#include "cmd/grayctl/verb.h"

static int run(struct invocation *inv, struct err *err)
{
	return verb_run(inv, "retry", NULL, err);
}

const struct command cmd_retry = {
	.name = "retry",
	.args = "<rollout>",
	.summary = "try again the hosts that failed",
	.details = "Gives the failed and the unreachable hosts new attempts.",
	.min_args = 1,
	.max_args = 1,
	.flags = COMMAND_CONTROLLER,
	.options = verb_options,
	.run = run,
};
