#include "cmd/grayctl/verb.h"

#include "cmd/grayctl/client.h"

const struct option_spec verb_options[] = {
	{ "reason", OPTION_TEXT, "why; kept in the change log", NULL, 'r' },
	{ 0 },
};

int verb_run(struct invocation *inv, const char *verb, const char *stage,
	     struct err *err)
{
	AUTO_STR char *path = client_rollout_path(inv->args[0], verb);
	AUTO(js) body = js_object();
	AUTO(js) view = NULL;

	js_set_str(body, "reason", option_text(&inv->options, "reason"));
	if (stage)
		js_set_str(body, "stage", stage);
	if (client_post(inv->client, path, body, &view, err) < 0)
		return err_again(err);
	if (inv->output->is_json) {
		output_json(inv->output, view);
		return 0;
	}
	(void)fprintf(inv->output->file, "%s: %s\n",
		      js_get_str(view, "id", inv->args[0]),
		      js_get_str(view, "why", ""));
	return 0;
}
