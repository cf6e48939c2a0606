#include <string.h>

#include "cmd/grayctl/client.h"
#include "cmd/grayctl/command.h"
#include "cmd/grayctl/live.h"
#include "core/remote/request.h"
#include "core/sys/clock.h"

#define DIGEST_LETTERS 12 /* enough to tell releases apart */

static const struct option_spec options[] = {
	{ "service", OPTION_TEXT, "only this service's rollouts", "name", 0 },
	{ "active", OPTION_FLAG, "only those that have not ended", NULL, 0 },
	{ 0 },
};

/* The stage that hosts go through now, or "". */
static const char *stage_now(const struct js *view)
{
	const struct js *stages = js_get(view, "stages");
	const char *name = "";

	for (size_t i = 0; i < js_count(stages); i++) {
		const struct js *stage = js_at(stages, i);

		if (strcmp(js_get_str(stage, "state", ""), "waiting") != 0)
			name = js_get_str(stage, "name", "");
	}
	return name;
}

static void add_number(struct table *table, const struct js *object,
		       const char *key)
{
	AUTO_STR char *text =
		mem_format("%lld", (long long)js_get_int(object, key, 0));

	table_add(table, text);
}

static void print_all(const struct output *output, const struct js *answer)
{
	static const char *const heads[] = { "ROLLOUT", "VERSION",   "STATE",
					     "STAGE",	"CONFIRMED", "HOSTS",
					     "WHO",	"WHY" };
	AUTO_VALUE(table) table = { 0 };
	const struct js *views = js_get(answer, "rollouts");

	if (js_count(views) == 0) {
		(void)fputs("no rollouts\n", output->file);
		return;
	}
	table_init(&table, heads, COUNT_OF(heads));
	for (size_t i = 0; i < js_count(views); i++) {
		const struct js *view = js_at(views, i);
		const struct js *hosts = js_get(view, "hosts");

		table_add(&table, js_get_str(view, "id", "?"));
		table_add(&table, js_get_str(view, "version", "?"));
		table_add(&table, js_get_str(view, "state", "?"));
		table_add(&table, stage_now(view));
		add_number(&table, hosts, "confirmed");
		add_number(&table, hosts, "total");
		table_add(&table, js_get_str(view, "who", ""));
		table_add(&table, js_get_str(view, "why", ""));
	}
	table_print(&table, output);
}

static void print_hosts(const struct output *output, const struct js *hosts)
{
	static const char *const heads[] = { "HOST", "STAGE", "STATE",
					     "RELEASE", "" };
	AUTO_VALUE(table) table = { 0 };

	table_init(&table, heads, COUNT_OF(heads));
	for (size_t i = 0; i < js_count(hosts); i++) {
		const struct js *host = js_at(hosts, i);
		AUTO_STR char *release =
			mem_strn(js_get_str(host, "release", "-"),
				 strnlen(js_get_str(host, "release", "-"),
					 DIGEST_LETTERS));

		table_add(&table, js_get_str(host, "name", "?"));
		table_add(&table, js_get_str(host, "stage", ""));
		table_add(&table, js_get_bool(host, "reachable", true)
					  ? js_get_str(host, "state", "?")
					  : "unreachable");
		table_add(&table, release);
		table_add(&table, js_get_str(host, "text", ""));
	}
	(void)fputc('\n', output->file);
	table_print(&table, output);
}

static int show_one(struct invocation *inv, struct err *err)
{
	AUTO_STR char *path = client_rollout_path(inv->args[0], NULL);
	AUTO_STR char *query = mem_format("%s?hosts=1", path);
	AUTO_STR char *block = NULL;
	AUTO(js) view = NULL;
	struct live_style style = {
		.width = output_width(inv->output),
		.has_colour = inv->output->has_colour,
		.now_ms = clock_wall_ms(),
	};

	if (client_get(inv->client, query, &view, err) < 0)
		return err_again(err);
	if (inv->output->is_json) {
		output_json(inv->output, view);
		return 0;
	}
	block = live_render(view, &style);
	(void)fputs(block, inv->output->file);
	print_hosts(inv->output, js_get(view, "host_list"));
	return 0;
}

static int show_all(struct invocation *inv, struct err *err)
{
	const char *service = option_text(&inv->options, "service");
	AUTO_STR char *escaped = request_escape(service ? service : "");
	AUTO_STR char *path = mem_format(
		"/v1/rollouts?%s%s%s", service ? "service=" : "", escaped,
		option_flag(&inv->options, "active") ? "&active=1" : "");
	AUTO(js) answer = NULL;

	if (client_get(inv->client, path, &answer, err) < 0)
		return err_again(err);
	if (inv->output->is_json)
		output_json(inv->output, answer);
	else
		print_all(inv->output, answer);
	return 0;
}

static int run(struct invocation *inv, struct err *err)
{
	return inv->n_args ? show_one(inv, err) : show_all(inv, err);
}

const struct command cmd_status = {
	.name = "status",
	.args = "[rollout]",
	.summary = "all rollouts, or one with its stages, gates and hosts",
	.details = "A rollout is named by its id (feed-7) or by its service, "
		   "whose newest it is then.",
	.max_args = 1,
	.flags = COMMAND_CONTROLLER,
	.options = options,
	.run = run,
};
