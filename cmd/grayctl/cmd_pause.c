#include "cmd/grayctl/verb.h"

static int run(struct invocation *inv, struct err *err)
{
	return verb_run(inv, "pause", NULL, err);
}

const struct command cmd_pause = {
	.name = "pause",
	.args = "<rollout>",
	.summary = "start no more hosts; those in flight finish",
	.details = "The gates go on judging and may still roll back.",
	.min_args = 1,
	.max_args = 1,
	.flags = COMMAND_CONTROLLER,
	.options = verb_options,
	.run = run,
};
