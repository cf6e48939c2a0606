#include "cmd/grayctl/client.h"
#include "cmd/grayctl/command.h"
#include "core/base/str.h"

#define DIGEST_LETTERS 12 /* enough to tell releases apart */

static const struct option_spec options[] = {
	{ "service", OPTION_TEXT, "only this service", "name", 0 },
	{ 0 },
};

static void add_number(struct table *table, int64_t number)
{
	AUTO_STR char *text = mem_format("%lld", (long long)number);

	table_add(table, text);
}

static void add_release(struct table *table, const struct js *release)
{
	const struct js *rollouts = js_get(release, "rollouts");
	AUTO_STR char *digest = mem_format("%.*s", DIGEST_LETTERS,
					   js_get_str(release, "release", "?"));
	AUTO_VALUE(buf) ids = BUF_INIT;
	char size[32];

	for (size_t i = 0; i < js_count(rollouts); i++)
		buf_format(&ids, "%s%s", i ? " " : "",
			   js_get_str(js_at(rollouts, i), "id", "?"));
	str_format_bytes((uint64_t)js_get_int(release, "bytes", 0), size,
			 sizeof(size));
	table_add(table, js_get_str(release, "service", "?"));
	table_add(table, js_get_str(release, "version", "?"));
	table_add(table, digest);
	table_add(table, size);
	add_number(table, js_get_int(release, "files", 0));
	table_add(table, js_get_str(release, "first_used", "-"));
	table_add(table, js_get_str(release, "state", "?"));
	add_number(table, (int64_t)js_count(js_get(release, "hosts")));
	table_add(table, buf_str(&ids));
}

static void print(const struct output *output, const struct js *answer)
{
	static const char *const heads[] = { "SERVICE", "VERSION", "RELEASE",
					     "SIZE",	"FILES",   "FIRST USED",
					     "END",	"HOSTS",   "ROLLOUTS" };
	const struct js *releases = js_get(answer, "releases");
	AUTO_VALUE(table) table = { 0 };

	if (js_count(releases) == 0) {
		(void)fputs("no releases\n", output->file);
		return;
	}
	table_init(&table, heads, COUNT_OF(heads));
	for (size_t i = 0; i < js_count(releases); i++)
		add_release(&table, js_at(releases, i));
	table_print(&table, output);
}

static int run(struct invocation *inv, struct err *err)
{
	AUTO_VALUE(buf) path = BUF_INIT;

	buf_append_str(&path, "/v1/releases");
	client_add_query(&path, "service",
			 option_text(&inv->options, "service"));
	return client_show(inv->client, buf_str(&path), inv->output, print,
			   err);
}

const struct command cmd_releases_list = {
	.name = "releases list",
	.args = "",
	.summary = "every release, its rollouts, how they ended, its hosts",
	.details = "The one used last comes first. The end is that of its "
		   "newest rollout; hosts are those\nthat are recorded on it.",
	.flags = COMMAND_CONTROLLER | COMMAND_DEFAULT,
	.options = options,
	.run = run,
};
