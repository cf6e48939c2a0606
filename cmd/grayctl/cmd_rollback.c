#include "cmd/grayctl/verb.h"

static const struct option_spec options[] = {
	{ "stage", OPTION_TEXT, "only this stage and those after it", "name",
	  's' },
	{ "reason", OPTION_TEXT, "why; kept in the change log", NULL, 'r' },
	{ 0 },
};

static int run(struct invocation *inv, struct err *err)
{
	return verb_run(inv, "rollback", option_text(&inv->options, "stage"),
			err);
}

const struct command cmd_rollback = {
	.name = "rollback",
	.args = "<rollout>",
	.summary = "back to the release before, all hosts at once",
	.details = "With --stage the hosts of that stage and of those after "
		   "it go back, and the\nrollout waits before it; `resume` "
		   "does it again. Without, the rollout is over.\nWorks long "
		   "after a success, too.",
	.min_args = 1,
	.max_args = 1,
	.flags = COMMAND_CONTROLLER,
	.options = options,
	.run = run,
};
