#include <string.h>

#include "cmd/grayctl/client.h"
#include "cmd/grayctl/command.h"
#include "core/base/str.h"

static const struct option_spec options[] = {
	{ "day", OPTION_TEXT, "only that day, in UTC", "yyyy-mm-dd", 0 },
	{ "service", OPTION_TEXT, "only this service", "name", 0 },
	{ "rollout", OPTION_TEXT, "only this rollout", "id", 0 },
	{ 0 },
};

static void print_entry(const struct output *output, const struct js *entry)
{
	const char *kind = js_get_str(entry, "kind", "");
	const char *text = js_get_str(entry, "text", "");
	AUTO_STR char *who = mem_str(js_get_str(entry, "who", "gray"));
	AUTO_STR char *shown = str_clean(text, strlen(text));

	(void)fprintf(output->file, "%s%s%s  %-10s  %-10s  %-18s  %s\n",
		      output_tone(output->has_colour, TONE_FAINT),
		      js_get_str(entry, "time", "?"),
		      output_tone_end(output->has_colour, TONE_FAINT), who,
		      js_get_str(entry, "rollout", "-"), kind, shown);
}

static int run(struct invocation *inv, struct err *err)
{
	AUTO_VALUE(buf) path = BUF_INIT;
	AUTO(js) answer = NULL;
	const struct js *entries;

	buf_append_str(&path, "/v1/log");
	client_add_query(&path, "day", option_text(&inv->options, "day"));
	client_add_query(&path, "service",
			 option_text(&inv->options, "service"));
	client_add_query(&path, "rollout",
			 option_text(&inv->options, "rollout"));
	if (client_get(inv->client, buf_str(&path), &answer, err) < 0)
		return err_again(err);
	entries = js_get(answer, "entries");
	for (size_t i = 0; i < js_count(entries); i++) {
		if (inv->output->is_json)
			output_json(inv->output, js_at(entries, i));
		else
			print_entry(inv->output, js_at(entries, i));
	}
	return 0;
}

const struct command cmd_log = {
	.name = "log",
	.args = "",
	.summary = "the change log: who, what, when, why, on which evidence",
	.details = "With --json, an entry a line, as it was hashed.",
	.flags = COMMAND_CONTROLLER,
	.options = options,
	.run = run,
};
