#include "cmd/grayctl/verb.h"

static int run(struct invocation *inv, struct err *err)
{
	return verb_run(inv, "promote", NULL, err);
}

const struct command cmd_promote = {
	.name = "promote",
	.args = "<rollout>",
	.summary = "take the present stage as passed",
	.details = "Ends the bake and its gates' say; hosts that fail still "
		   "count.",
	.min_args = 1,
	.max_args = 1,
	.flags = COMMAND_CONTROLLER,
	.options = verb_options,
	.run = run,
};
