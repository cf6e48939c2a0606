#include "cmd/grayctl/verb.h"

static int run(struct invocation *inv, struct err *err)
{
	return verb_run(inv, "abort", NULL, err);
}

const struct command cmd_abort = {
	.name = "abort",
	.args = "<rollout>",
	.summary = "end it: every host back to the stable release",
	.details = "Always wins, whatever the rollout is doing.",
	.min_args = 1,
	.max_args = 1,
	.flags = COMMAND_CONTROLLER,
	.options = verb_options,
	.run = run,
};
