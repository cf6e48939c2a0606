#include "cmd/grayctl/verb.h"

static int run(struct invocation *inv, struct err *err)
{
	return verb_run(inv, "resume", NULL, err);
}

const struct command cmd_resume = {
	.name = "resume",
	.args = "<rollout>",
	.summary = "go on with a paused rollout",
	.details = "What was rolled back from a stage on is done again.",
	.min_args = 1,
	.max_args = 1,
	.flags = COMMAND_CONTROLLER,
	.options = verb_options,
	.run = run,
};
