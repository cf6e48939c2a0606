#include "cmd/grayctl/follow.h"

static int run(struct invocation *inv, struct err *err)
{
	return follow_rollout(inv, inv->args[0], err);
}

const struct command cmd_watch = {
	.name = "watch",
	.args = "<rollout>",
	.summary = "follow a rollout live, to its end",
	.details = "Redrawn in place on a terminal, plain lines elsewhere, "
		   "events with --json.\nCtrl-C stops looking; the rollout "
		   "goes on.",
	.min_args = 1,
	.max_args = 1,
	.flags = COMMAND_CONTROLLER,
	.run = run,
};
