#include "cmd/grayctl/client.h"
#include "cmd/grayctl/command.h"

static int run(struct invocation *inv, struct err *err)
{
	AUTO(js) answer = NULL;

	if (client_get(inv->client, "/v1/log/verify", &answer, err) < 0)
		return err_again(err);
	if (inv->output->is_json)
		output_json(inv->output, answer);
	if (!js_get_bool(answer, "ok", false))
		return err_set(err, ERR_CORRUPT,
			       "the change log is broken after %lld good "
			       "entries: %s",
			       (long long)js_get_int(answer, "entries", 0),
			       js_get_str(answer, "text", "a hash is wrong"));
	if (!inv->output->is_json)
		(void)fprintf(inv->output->file,
			      "%lld entries, each with the hash of the one "
			      "before; the last is\n%s\n",
			      (long long)js_get_int(answer, "entries", 0),
			      js_get_str(answer, "head", "?"));
	return 0;
}

const struct command cmd_log_verify = {
	.name = "log verify",
	.args = "",
	.summary = "check that nothing in the change log was edited",
	.details = "Every entry carries the hash of the one before. Keep the "
		   "last hash elsewhere, and\nnobody can rewrite what led to "
		   "it.",
	.flags = COMMAND_CONTROLLER,
	.run = run,
};
