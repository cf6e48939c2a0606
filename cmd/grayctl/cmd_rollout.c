#include <string.h>

#include "cmd/grayctl/client.h"
#include "cmd/grayctl/follow.h"
#include "cmd/grayctl/planfile.h"

static const struct option_spec options[] = {
	{ "detach", OPTION_FLAG, "start it and return", NULL, 'd' },
	{ "yes", OPTION_FLAG, "do not ask", NULL, 'y' },
	{ "reason", OPTION_TEXT, "why; kept in the change log", NULL, 'r' },
	{ 0 },
};

/* On standard error, so that what is piped stays clean. */
static int confirm(const struct invocation *inv, struct err *err)
{
	char answer[16] = "";

	if (option_flag(&inv->options, "yes"))
		return 0;
	if (!isatty(STDIN_FILENO))
		return err_set(err, ERR_INVALID,
			       "nobody can be asked: say --yes to start it");
	(void)fflush(inv->output->file);
	(void)fputs("start it? [y/N] ", stderr);
	if (!fgets(answer, sizeof(answer), stdin))
		answer[0] = '\0';
	answer[strcspn(answer, "\n")] = '\0';
	if (strcmp(answer, "y") == 0 || strcmp(answer, "yes") == 0)
		return 0;
	return err_set(err, ERR_REFUSED, "not started");
}

static int run(struct invocation *inv, struct err *err)
{
	AUTO(planfile) file = NULL;
	AUTO(js) body = NULL;
	AUTO(js) view = NULL;
	const char *id;

	if (planfile_load(inv->args[0], &inv->mistakes, &file, err) < 0)
		return err_again(err);
	if (!inv->output->is_json)
		planfile_preview(file, inv->output);
	if (confirm(inv, err) < 0)
		return err_again(err);
	body = planfile_request(file, option_text(&inv->options, "reason"));
	if (client_post(inv->client, "/v1/rollouts", body, &view, err) < 0)
		return err_again(err);
	id = js_get_str(view, "id", "?");
	if (!option_flag(&inv->options, "detach"))
		return follow_rollout(inv, id, err);
	if (inv->output->is_json)
		output_json(inv->output, view);
	else
		(void)fprintf(inv->output->file,
			      "%s is %s; `grayctl watch %s` follows it\n", id,
			      js_get_str(view, "state", "?"), id);
	return 0;
}

const struct command cmd_rollout = {
	.name = "rollout",
	.args = "<plan.yaml>",
	.summary = "show what a plan would do, ask, start it, follow it live",
	.details = "Ctrl-C stops looking; the rollout goes on.",
	.min_args = 1,
	.max_args = 1,
	.flags = COMMAND_CONTROLLER,
	.options = options,
	.run = run,
};
