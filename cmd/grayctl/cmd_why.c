#include "cmd/grayctl/client.h"
#include "cmd/grayctl/command.h"

static int run(struct invocation *inv, struct err *err)
{
	AUTO_STR char *path = client_rollout_path(inv->args[0], "why");
	AUTO(js) answer = NULL;

	if (client_get(inv->client, path, &answer, err) < 0)
		return err_again(err);
	if (inv->output->is_json)
		output_json(inv->output, answer);
	else
		(void)fprintf(inv->output->file, "%s\n",
			      js_get_str(answer, "why", ""));
	return 0;
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
