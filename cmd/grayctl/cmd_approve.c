#include "cmd/grayctl/verb.h"

static int run(struct invocation *inv, struct err *err)
{
	return verb_run(inv, "approve", NULL, err);
}

const struct command cmd_approve = {
	.name = "approve",
	.args = "<rollout>",
	.summary = "say yes to the stage that waits for it",
	.details =
		"Who said it is kept in the change log; nobody counts twice.",
	.min_args = 1,
	.max_args = 1,
	.flags = COMMAND_CONTROLLER,
	.options = verb_options,
	.run = run,
};
