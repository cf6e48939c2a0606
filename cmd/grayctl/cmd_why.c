#include "cmd/grayctl/client.h"
#include "cmd/grayctl/command.h"

static void print(const struct output *output, const struct js *answer)
{
	(void)fprintf(output->file, "%s\n", js_get_str(answer, "why", ""));
}

static int run(struct invocation *inv, struct err *err)
{
	AUTO_STR char *path = client_rollout_path(inv->args[0], "why");

	return client_show(inv->client, path, inv->output, print, err);
}

const struct command cmd_why = {
	.name = "why",
	.args = "<rollout>",
	.summary = "what it waits for, since when, and what would move it",
	.min_args = 1,
	.max_args = 1,
	.flags = COMMAND_CONTROLLER,
	.run = run,
};
